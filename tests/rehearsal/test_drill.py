"""`samplebank drill`: a copy of a backup is broken under load, keeps everything, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kit.bank import Bank, eventually
from kit.service import PROGRAM, Service
from samplebank.rehearsal.blows import BLOWS

#: what a shell shows as 130. Where the interruption meets the text of a dataclass that is being imported, CPython ends the
#: process by the signal, whatever code the program asks for.
INTERRUPTED = (130, -signal.SIGINT)


@pytest.fixture(scope="module")
def backups(service: Service, bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup with a submission that stays. Other tests damage files of the service, so the backup may lack bytes."""
    bank.submitted()
    folder = tmp_path_factory.mktemp("drilled") / "backups"
    subprocess.run(
        [*PROGRAM, "backup", str(folder)], env=service.environment, check=False, capture_output=True
    )
    return folder


@pytest.fixture
def beside() -> Iterator[Path]:
    """A folder for copies, with a name short enough for sockets in the folder."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def drilling(service: Service, backups: Path, beside: Path) -> "subprocess.Popen[str]":
    """A drill with the settings of the running service, in a folder with the settings of another. Neither must matter."""
    (backups.parent / "samplebank.toml").write_text('database_url = "postgresql://nobody@127.0.0.1:1/none"\n')
    return subprocess.Popen(
        [*PROGRAM, "drill", str(backups), "--folder", str(beside), "--rounds", "1", "--json"],
        env=service.environment,
        cwd=backups.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_copy_loses_nothing_and_is_whole_again(service: Service, backups: Path, beside: Path) -> None:
    out, complaints = drilling(service, backups, beside).communicate(timeout=240)

    told: dict[str, Any] = json.loads(out) if out else {}
    assert complaints == ""
    assert {one["fault"]: one["kills"] > 0 for one in told["outcomes"]} == dict.fromkeys(BLOWS, True)
    assert all(one["wholeSeconds"] is not None for one in told["outcomes"])
    assert told["promised"] > 0
    assert (told["lost"], told["doubled"]) == (0, 0)
    assert told["before"] == told["after"]
    assert told["before"]["submissions"] > 0
    assert list(beside.iterdir()) == []


def test_a_drill_that_is_interrupted_leaves_nothing(service: Service, backups: Path, beside: Path) -> None:
    drill = drilling(service, backups, beside)
    assert eventually(lambda: any(beside.glob("*/data/serve.log")), 60)

    os.kill(drill.pid, signal.SIGINT)

    out, complaints = drill.communicate(timeout=120)
    assert drill.returncode in INTERRUPTED
    assert (out, complaints) == ("", "samplebank: Interrupted.\n")
    assert list(beside.iterdir()) == []


def test_a_folder_without_backups_is_refused(service: Service, tmp_path: Path, beside: Path) -> None:
    _, complaints = drilling(service, tmp_path, beside).communicate(timeout=60)

    assert len(complaints.splitlines()) == 1
    assert str(tmp_path) in complaints
    assert list(beside.iterdir()) == []
