"""Uploads of one file at the same time: one blob, one row, one 201. No row exists without bytes."""

import asyncio

import pytest
import requests

from kit.bank import Bank, Sample
from kit.locks import session_behind
from kit.service import Service
from samplebank.blobs import Area, Digests, DiskStore
from samplebank.database import Connection, Database
from samplebank.errors import Unavailable
from samplebank.service_tasks.leftovers import STAND_IN
from samplebank.submissions.receiving import plan_upload, receive


async def waiting_upload(
    bank: Bank, database: Database, sample: Sample, holder: Connection
) -> "asyncio.Task[requests.Response]":
    """An upload, waiting for the transaction of `holder`, which holds the row of the sample."""
    upload = asyncio.create_task(asyncio.to_thread(bank.upload, sample))
    await session_behind(database, holder)
    return upload


async def test_an_upload_overtaken_by_one_of_the_same_bytes_finds_them_known(
    bank: Bank, database: Database
) -> None:
    sample = Sample()
    digests = Digests(b"", b"", bytes.fromhex(sample.sha256), b"", len(sample.data))
    async with database.transaction() as db:
        (user,) = await db.fetch("SELECT id, customer_id FROM subject WHERE kind = 'user' LIMIT 1")
        customer_id, user_id = user["customer_id"], user["id"]
        await receive(db, plan_upload(digests, customer_id=customer_id, user_id=user_id, expiry=1, now=0))
        upload = await waiting_upload(bank, database, sample, db)

    response = await upload

    assert (response.status_code, response.json()["data"]["exists"]) == (200, True)


async def test_bytes_are_not_removed_while_their_row_is_under_way(
    bank: Bank, service: Service, database: Database
) -> None:
    sample = Sample()
    async with database.transaction() as db:
        stand_in = await db.fetchval(STAND_IN, bytes.fromhex(sample.sha256), 0)
        upload = await waiting_upload(bank, database, sample, db)
        with pytest.raises(Unavailable):
            await DiskStore(service.blobs).remove(Area.SAMPLE, bytes.fromhex(sample.sha256))
        await db.execute("DELETE FROM sample WHERE id = $1", stand_in)

    response = await upload

    assert response.status_code == 201
    assert bank.get(f"{sample.path}/raw").content == sample.data


def test_bytes_that_cannot_be_kept_have_no_row(bank: Bank, service: Service) -> None:
    sample = Sample()
    in_the_way = service.blobs / "sample" / sample.sha256[:2] / sample.sha256
    in_the_way.mkdir()

    response = bank.upload(sample)

    in_the_way.rmdir()
    assert response.status_code == 503
    assert bank.post(f"{sample.path}/challenge", user="mia").status_code == 404


def test_bytes_whose_length_is_not_announced_are_taken_to_their_end(bank: Bank) -> None:
    sample = Sample(300_000)
    pieces = (sample.data[at : at + 70_000] for at in range(0, len(sample.data), 70_000))

    response = bank.call("POST", "/sampledb/v2/sample", "mia", data=pieces)

    assert bank.data(response)["sample"] == {"id": sample.sha256, "size": len(sample.data)}
