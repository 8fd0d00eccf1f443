"""Bytes without a row go after a day, and never while somebody uploads the same."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from kit.bank import ROBOT, Bank, Sample, name_of
from kit.locks import session_behind
from kit.service import Service
from samplebank import settings
from samplebank.analyses import evidence
from samplebank.assembly import open_bank
from samplebank.blobs import Blob, DiskStore
from samplebank.database import Database
from samplebank.maintenance.service_tasks import orphan_sweep
from samplebank.service_tasks import leftovers

EVERY_PART = 512


def orphan(service: Service, area: str, sample: Sample, age: float) -> Path:
    """Puts the bytes of the sample into the store of the service, without a row."""
    path = service.blobs / area / sample.sha256[:2] / sample.sha256
    path.touch(mode=0o600)
    path.write_bytes(sample.data)
    os.utime(path, (time.time() - age, time.time() - age))
    return path


async def sweep_everything(service: Service) -> None:
    async with open_bank(settings.load(service.environment), service.database_url) as bank:
        sweep = orphan_sweep()
        for _ in range(EVERY_PART):
            await sweep(bank)


@pytest.mark.parametrize("area", ["sample", "evidence"])
async def test_old_bytes_without_a_row_are_removed(service: Service, area: str) -> None:
    old = orphan(service, area, Sample(), 2 * leftovers.ORPHANED)
    young = orphan(service, area, Sample(), leftovers.ORPHANED / 2)

    await sweep_everything(service)

    assert (old.exists(), young.exists()) == (False, True)


async def test_old_bytes_with_a_row_stay(bank: Bank, service: Service) -> None:
    sample, report = bank.submitted(), Sample()
    analysis = bank.analyse(sample, name_of("w"))
    place = f"{sample.path}/analysis/{analysis}/evidence"
    stored = bank.data(bank.call("POST", f"{place}/e.bin", ROBOT, data=report.data))
    orphan(service, "sample", sample, 2 * leftovers.ORPHANED)
    orphan(service, "evidence", report, 2 * leftovers.ORPHANED)

    await sweep_everything(service)

    assert bank.get(f"{sample.path}/raw").content == sample.data
    assert bank.get(f"{place}/{stored['id']}/download").content == report.data


async def test_bytes_that_got_their_row_since_the_look_stay(
    bank: Bank, service: Service, database: Database
) -> None:
    sample = bank.submitted()
    store = DiskStore(service.blobs)

    async with database.transaction() as db:
        is_gone = await leftovers.remove_unused_sample(db, store, Blob(bytes.fromhex(sample.sha256)), now=1)

    assert not is_gone
    assert bank.get(f"{sample.path}/raw").content == sample.data


async def test_an_upload_waits_while_orphaned_bytes_of_its_name_are_removed(
    bank: Bank, service: Service, database: Database
) -> None:
    sample = Sample()
    orphan(service, "sample", sample, 0)
    store = DiskStore(service.blobs)
    async with database.transaction() as db:
        await leftovers.remove_unused_sample(db, store, Blob(bytes.fromhex(sample.sha256)), now=1)
        upload = asyncio.create_task(asyncio.to_thread(bank.upload, sample))
        await session_behind(database, db)

    response = await upload

    assert response.status_code == 201
    assert bank.get(f"{sample.path}/raw").content == sample.data


async def test_evidence_waits_while_orphaned_bytes_of_its_name_are_removed(
    bank: Bank, service: Service, database: Database
) -> None:
    sample, report = bank.submitted(), Sample()
    place = f"{sample.path}/analysis/{bank.analyse(sample, name_of('w'))}/evidence"
    orphan(service, "evidence", report, 0)
    store = DiskStore(service.blobs)
    async with database.transaction() as db:
        await evidence.remove_unused(db, store, Blob(bytes.fromhex(report.sha256)))
        post = asyncio.to_thread(bank.call, "POST", f"{place}/e.bin", ROBOT, data=report.data)
        upload = asyncio.create_task(post)
        await session_behind(database, db)

    stored = bank.data(await upload)

    assert bank.get(f"{place}/{stored['id']}/download").content == report.data
