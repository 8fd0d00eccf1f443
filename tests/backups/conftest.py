"""Backups of a service of these tests, held up where a test needs a backup under way.

Tests elsewhere damage files of the shared service, so that its backups are not whole.
"""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from kit.bank import PATIENCE, Bank, Sample, eventually, name_of
from kit.service import PROGRAM, Service, running
from samplebank.database import Connection
from samplebank.database.connection import connect_alone

#: any table that requests of the tests do not need: `pg_dump` waits for its lock, behind the snapshot
HELD = "saved_query"
WAITS = "SELECT count(*) FROM pg_locks WHERE relation = $1::regclass AND NOT granted"


class Backup:
    """A backup under way, which waits within the dump."""

    def __init__(self, service: Service, folder: Path) -> None:
        self.process = subprocess.Popen(
            [*PROGRAM, "backup", str(folder), "--json"],
            env=service.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


class Gate:
    """Keeps dumps from going on."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def close(self) -> None:
        await self._db.execute(f"BEGIN; LOCK TABLE {HELD}")

    async def await_dump(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while not await self._db.fetchval(WAITS, HELD):  # noqa: ASYNC110 -- a lock of the server is no event of ours
                await asyncio.sleep(0.02)

    async def open(self) -> None:
        if self._db.is_in_transaction():
            await self._db.execute("ROLLBACK")


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture(scope="package")
def bank(service: Service) -> Bank:
    return Bank(service.url, service.keys)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture
async def gate(service: Service) -> AsyncIterator[Gate]:
    db = await connect_alone(service.database_url)
    gate = Gate(db)
    await gate.close()
    yield gate
    await gate.open()
    await db.close()


@pytest.fixture
async def held_up(service: Service, gate: Gate, folder: Path) -> AsyncIterator[Backup]:
    """A backup whose snapshot is taken, and whose dump waits for the gate."""
    backup = Backup(service, folder)
    await gate.await_dump()
    yield backup
    await gate.open()
    backup.kill()


@pytest.fixture
def doomed(bank: Bank) -> Sample:
    """A sample from before the backup, to be deleted."""
    return bank.submitted()


@pytest.fixture
def analysed(bank: Bank) -> Sample:
    """A sample with an analysis, whose evidence has the bytes of the sample, to be deleted."""
    sample = bank.submitted()
    analysis = bank.analyse(sample, name_of("w"))
    path = f"{sample.path}/analysis/{analysis}/evidence/trace.bin"
    bank.data(bank.call("POST", path, "robot", data=sample.data))
    return sample


@pytest.fixture(scope="module")
def made(service: Service, bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one complete backup."""
    bank.submitted()
    folder = tmp_path_factory.mktemp("made") / "backups"
    told(service, folder)
    return folder


def told(service: Service, folder: Path, *options: str) -> dict[str, Any]:
    """Make a backup, and tell what the command says."""
    done = service.run("backup", str(folder), "--json", *options)
    assert (done.returncode, done.stderr) == (0, "")
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def delete(bank: Bank, sample: Sample) -> None:
    """Ask for the deletion of a sample, and wait until only the record is left."""
    bank.delete(sample.path)
    assert eventually(lambda: bank.get(sample.path, "mia").status_code == 404)


def delete_analyses(bank: Bank, sample: Sample) -> None:
    """Ask for the deletion of a sample, and wait until its analyses are gone: the bytes of evidence come next."""
    bank.delete(sample.path)
    assert eventually(lambda: not bank.data(bank.get(f"{sample.path}/analysis", limit=0)))


def names_in(folder: Path) -> list[str]:
    """The names of the backups in a folder."""
    return sorted(entry.name for entry in folder.iterdir() if entry.name.startswith("20"))


def blob_of(blobs: Path, area: str, sample: Sample) -> Path:
    return blobs / area / sample.sha256[:2] / sample.sha256
