"""The order of classification: first samples that a submission waits for, then one customer after the other."""

import pytest

from kit.bank import Bank, Sample
from samplebank.database import Connection
from samplebank.samples import classification

PUT_BACK = """
    UPDATE sample SET classification_wanted = sha256 = ANY ($1), classification_urgent = false
     WHERE classification_wanted OR sha256 = ANY ($1)
"""
ID = "SELECT id FROM sample WHERE sha256 = $1"


@pytest.fixture
async def queue(bank: Bank, db: Connection) -> list[bytes]:
    """Six samples of one customer, then a sample of another customer. Nothing else classifies these samples."""
    samples = [Sample() for _ in range(7)]
    for sample, user in zip(samples, ["mia"] * 6 + ["quinn"], strict=True):
        bank.upload(sample, user)
    names = [bytes.fromhex(sample.sha256) for sample in samples]
    await db.execute(PUT_BACK, names)
    return names


async def test_customers_take_turns(db: Connection, queue: list[bytes]) -> None:
    first = [sha256 for _, sha256 in await classification.waiting(db, 2)]

    assert set(first) == {queue[0], queue[6]}


async def test_everybody_gets_a_turn(db: Connection, queue: list[bytes]) -> None:
    found = [sha256 for _, sha256 in await classification.waiting(db, 50)]

    assert sorted(found) == sorted(queue)


async def test_what_a_submission_waits_for_is_urgent(db: Connection, queue: list[bytes]) -> None:
    await classification.hurry(db, await db.fetchval(ID, queue[5]))

    assert [sha256 for _, sha256 in await classification.urgent(db, 50)] == [queue[5]]


async def test_without_its_bytes_a_sample_keeps_its_type(bank: Bank, db: Connection) -> None:
    sample = bank.submitted()
    id_ = await db.fetchval(ID, bytes.fromhex(sample.sha256))
    before = await db.fetchval("SELECT gen_random_uuid()")
    await db.execute(
        "UPDATE sample SET classification_id = $2, classification_wanted = true WHERE id = $1", id_, before
    )

    given_up = await classification.give_up(db, id_)

    row = await db.fetchrow("SELECT classification_id, classification_wanted FROM sample WHERE id = $1", id_)
    assert (given_up, row and tuple(row)) == (True, (before, False))
