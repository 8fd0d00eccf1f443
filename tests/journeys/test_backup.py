"""docs/backup.md, followed to the letter: a copy made while the service runs comes back whole."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from kit.bank import Bank, Sample, eventually, name_of
from kit.pages import blocks
from kit.service import Service

#: two blocks set variables for the reader; the tests set other values
_, BACKUP, _, RESTORE, COUNT = blocks("docs/backup.md")
#: tells the test of the reached place, and waits for the test
HELD_UP = """\
#!/bin/sh
: >"$HERE/reached"
read -r _ <"$HERE/go"
exec "$(PATH=$OTHERS command -v "$(basename "$0")")" "$@"
"""


class Backup(NamedTuple):
    process: "subprocess.Popen[str]"
    here: Path

    def go_on(self) -> str:
        """Let the backup end. Returns the complaints of the backup."""
        (self.here / "go").write_text("on\n")
        return self.process.communicate(timeout=60)[1]


def surroundings(**variables: str | Path) -> dict[str, str]:
    """The variables of the reader, with the program first on the PATH."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, **{name: str(value) for name, value in variables.items()}}


def followed(block: str, variables: Mapping[str, str]) -> str:
    done = subprocess.run(
        ["sh", "-e", "-c", block],
        env=dict(variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copy"


@pytest.fixture
def doomed(bank: Bank) -> Sample:
    """A sample from before the backup, which the backup has to hold."""
    return bank.submitted()


@pytest.fixture
def analysed(bank: Bank, doomed: Sample) -> Sample:
    """A doomed sample with an analysis, whose evidence has the bytes of the sample."""
    analysis = bank.analyse(doomed, name_of("w"))
    path = f"{doomed.path}/analysis/{analysis}/evidence/trace.bin"
    bank.data(bank.call("POST", path, "robot", data=doomed.data))
    return doomed


@pytest.fixture
def backup(service: Service, copy: Path, tmp_path: Path) -> Iterator[Backup]:
    """A backup with the database, held up before the copy of the bytes."""
    here = tmp_path / "held"
    here.mkdir()
    os.mkfifo(here / "go")
    (here / "find").write_text(HELD_UP)
    (here / "find").chmod(0o755)
    around = surroundings(DATA=service.folder / "data", COPY=copy, HERE=here, OTHERS=os.environ["PATH"])
    process = subprocess.Popen(
        ["sh", "-e", "-c", BACKUP],
        env={**around, "PATH": f"{here}:{around['PATH']}"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert eventually(lambda: (here / "reached").exists() or process.poll() is not None)
    yield Backup(process, here)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def delete(bank: Bank, sample: Sample) -> None:
    """Ask for the deletion of a sample, and wait until only the record is left."""
    bank.delete(sample.path)
    assert eventually(lambda: bank.get(sample.path, "mia").status_code == 404)


def blob_of(service: Service, area: str, sample: Sample) -> Path:
    return service.blobs / area / sample.sha256[:2] / sample.sha256


def test_what_is_deleted_during_a_backup_comes_back_with_its_bytes(
    service: Service, bank: Bank, doomed: Sample, backup: Backup, copy: Path, tmp_path: Path
) -> None:
    delete(bank, doomed)
    complaints = backup.go_on()

    restored = Service(tmp_path / "restored")
    restored.folder.mkdir()
    around = surroundings(NEW=restored.folder / "data", COPY=copy)
    followed(RESTORE, around)
    rows, files = followed(COUNT, around).split()
    restored.start()

    found = Bank(restored.url, service.keys).get(f"{doomed.path}/raw")
    restored.stop()
    assert (backup.process.returncode, complaints) == (0, "")
    assert found.content == doomed.data
    assert int(rows) > 0
    assert int(files) > 0


def test_the_bytes_of_deleted_samples_go_when_the_backup_has_ended(
    service: Service, bank: Bank, doomed: Sample, backup: Backup
) -> None:
    blob = blob_of(service, "sample", doomed)
    delete(bank, doomed)
    during = blob.exists()

    backup.go_on()

    assert during
    assert eventually(lambda: not blob.exists())


def test_the_bytes_of_evidence_go_when_the_backup_has_ended(
    service: Service, bank: Bank, analysed: Sample, backup: Backup
) -> None:
    blob = blob_of(service, "evidence", analysed)
    bank.delete(analysed.path)
    assert eventually(lambda: not bank.data(bank.get(f"{analysed.path}/analysis", limit=0)))
    during = blob.exists()

    backup.go_on()

    assert during
    assert eventually(lambda: not blob.exists())


def test_uploads_and_jobs_go_on_during_a_backup(bank: Bank, backup: Backup) -> None:
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker)
    ended = bank.update(job, tasks[worker], "success")
    read = bank.get(f"{sample.path}/raw")

    backup.go_on()

    assert (ended.status_code, read.content) == (200, sample.data)


def test_what_the_page_needs_is_on_every_machine() -> None:
    assert [tool for tool in ("flock", "find", "cp") if shutil.which(tool) is None] == []
