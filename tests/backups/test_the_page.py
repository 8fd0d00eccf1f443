"""docs/backup.md, followed to the letter: a copy made while the service runs comes back whole."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest

from backups.conftest import Gate, blob_of, delete, delete_analyses
from kit.bank import Bank, Sample
from kit.pages import blocks
from kit.service import Service

#: two blocks set variables for the reader; the tests set other values
_, BACKUP, _, RESTORE, DOCTOR = blocks("docs/backup.md")


def surroundings(service: Service, **variables: Path) -> dict[str, str]:
    """The variables of the reader, with the program first on the PATH."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**service.environment, "PATH": path, **{name: str(value) for name, value in variables.items()}}


def followed(block: str, variables: Mapping[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        ["sh", "-e", "-c", block],
        env=dict(variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: "subprocess.Popen[str]") -> str:
    said, complaints = process.communicate(timeout=120)
    assert (process.returncode, complaints) == (0, ""), said
    return said


@pytest.fixture
def others(bank: Bank) -> list[Sample]:
    return [bank.submitted() for _ in range(20)]


@pytest.fixture
def restored(tmp_path: Path) -> Iterator[Service]:
    """An installation that does not exist yet."""
    service = Service(tmp_path / "restored")
    service.folder.mkdir()
    yield service
    service.end()


@pytest.fixture
async def backup(service: Service, gate: Gate, folder: Path) -> AsyncIterator["subprocess.Popen[str]"]:
    """A backup as the page has it, with the snapshot taken."""
    process = followed(BACKUP, surroundings(service, COPY=folder))
    await gate.await_dump()
    yield process
    await gate.open()
    process.kill()
    process.communicate()


async def test_what_is_deleted_during_a_backup_comes_back_with_its_bytes(
    service: Service,
    bank: Bank,
    doomed: Sample,
    analysed: Sample,
    others: list[Sample],
    backup: "subprocess.Popen[str]",
    gate: Gate,
    folder: Path,
    restored: Service,
) -> None:
    delete(bank, doomed)
    delete_analyses(bank, analysed)
    late = bank.submitted()
    await gate.open()
    ended(backup)

    around = {**surroundings(restored, COPY=folder, NEW=restored.folder / "data")}
    ended(followed(RESTORE, around))
    restored.start()
    ended(followed(DOCTOR, around))
    again = Bank(restored.url, service.keys)
    read = [again.get(f"{sample.path}/raw").content for sample in (doomed, analysed, *others)]
    analyses = again.data(again.get(f"{analysed.path}/analysis", limit=0))
    missing = again.get(f"{late.path}/raw").status_code

    assert read == [sample.data for sample in (doomed, analysed, *others)]
    assert blob_of(restored.blobs, "evidence", analysed).read_bytes() == analysed.data
    assert (len(analyses), missing) == (1, 404)
