"""The order of classification: first samples with a waiting submission, then one customer after the other."""

import pytest

from kit.bank import Bank, Sample
from samplebank.database import Connection
from samplebank.samples import classification
from samplebank.samples import classification_queue as queue
from samplebank.samples.classification_queue import Lease

# A classifier that is about to store a type locks the sample first, and the lease then.
LOCK = """
    SELECT FROM sample WHERE classification_wanted OR sha256 = ANY ($1) ORDER BY id FOR NO KEY UPDATE
"""
PUT_BACK = """
    UPDATE sample SET classification_wanted = sha256 = ANY ($1), classification_urgent = false, classification_doubtful = false
     WHERE classification_wanted OR sha256 = ANY ($1)
"""
LEASE = Lease(1_000, 1_030)
ID = "SELECT id FROM sample WHERE sha256 = $1"


@pytest.fixture
async def waiting(bank: Bank, db: Connection) -> list[bytes]:
    """Six samples of one customer and then one of another, which nobody classifies meanwhile."""
    samples = [Sample() for _ in range(7)]
    for sample, user in zip(samples, ["mia"] * 6 + ["quinn"], strict=True):
        bank.upload(sample, user)
    names = [bytes.fromhex(sample.sha256) for sample in samples]
    await db.execute(queue.LOCK, queue.QUEUE)
    await db.execute(LOCK, names)
    await db.execute("DELETE FROM classification_lease")
    await db.execute(PUT_BACK, names)
    return names


async def taken(db: Connection, most: int, lease: Lease = LEASE, *, doubtful: bool = False) -> list[bytes]:
    return [one.sha256 for one in await queue.take(db, most, lease, doubtful=doubtful)]


async def test_customers_take_turns(db: Connection, waiting: list[bytes]) -> None:
    first = await taken(db, 2)

    assert set(first) == {waiting[0], waiting[6]}


async def test_the_newest_of_a_customer_does_not_wait_for_all_before(
    db: Connection, waiting: list[bytes]
) -> None:
    first = await taken(db, 3)

    assert set(first) == {waiting[0], waiting[5], waiting[6]}


async def test_customers_take_turns_also_where_more_wait_than_are_taken_at_once(
    db: Connection, waiting: list[bytes]
) -> None:
    of_either = set[bytes]()
    for _ in range(200):  # chance says whose turn it is
        of_either |= set(await taken(db, 1))
        await db.execute("DELETE FROM classification_lease")

    assert of_either == {waiting[0], waiting[6]}


async def test_everybody_gets_a_turn(db: Connection, waiting: list[bytes]) -> None:
    found = await taken(db, 50)

    assert sorted(found) == sorted(waiting)


async def test_nobody_else_gets_what_is_taken(db: Connection, waiting: list[bytes]) -> None:
    first = await taken(db, 3)

    rest = await taken(db, 50)

    assert sorted(first + rest) == sorted(waiting)


async def test_what_a_classifier_took_that_has_gone_comes_back(db: Connection, waiting: list[bytes]) -> None:
    await taken(db, 50)

    again = await taken(db, 50, Lease(LEASE.until, LEASE.until + 30))

    assert sorted(again) == sorted(waiting)


async def test_an_extended_lease_keeps_the_sample(db: Connection, waiting: list[bytes]) -> None:
    (one,) = await queue.take(db, 1, LEASE, doubtful=False)

    await queue.extend(db, [one.id], LEASE.until + 30)

    assert one.sha256 not in await taken(db, 50, Lease(LEASE.until, LEASE.until + 30))
    assert one.sha256 in waiting


async def test_what_is_given_back_is_there_for_others(db: Connection, waiting: list[bytes]) -> None:
    (one,) = await queue.take(db, 1, LEASE, doubtful=False)

    await queue.give_back(db, [one.id])

    assert sorted(await taken(db, 50)) == sorted(waiting)


async def test_what_the_model_has_to_tell_waits_apart(db: Connection, waiting: list[bytes]) -> None:
    id_ = await db.fetchval(ID, waiting[2])

    await queue.doubt(db, [id_])

    assert await taken(db, 50, doubtful=True) == [waiting[2]]
    assert waiting[2] not in await taken(db, 50)


async def test_what_a_submission_waits_for_is_urgent(db: Connection, waiting: list[bytes]) -> None:
    await classification.hurry(db, await db.fetchval(ID, waiting[5]))

    assert [one.sha256 for one in await queue.take_urgent(db, 50, LEASE)] == [waiting[5]]


async def test_customers_take_turns_with_what_somebody_waits_for(
    db: Connection, waiting: list[bytes]
) -> None:
    for name in waiting:
        await classification.hurry(db, await db.fetchval(ID, name))

    first = await queue.take_urgent(db, 3, LEASE)

    assert {one.sha256 for one in first} == {waiting[0], waiting[5], waiting[6]}


async def test_without_its_bytes_a_sample_keeps_its_type(bank: Bank, db: Connection) -> None:
    sample = bank.submitted()
    id_ = await db.fetchval(ID, bytes.fromhex(sample.sha256))
    before = await db.fetchval("SELECT gen_random_uuid()")
    await db.execute(
        "UPDATE sample SET classification_id = $2, classification_wanted = true WHERE id = $1", id_, before
    )

    given_up = await queue.give_up(db, id_)

    row = await db.fetchrow("SELECT classification_id, classification_wanted FROM sample WHERE id = $1", id_)
    assert (given_up, row and tuple(row)) == (True, (before, False))


async def test_a_sample_that_was_deleted_while_its_type_was_awaited_lacks_no_type(
    db: Connection, waiting: list[bytes]
) -> None:
    id_ = await db.fetchval(ID, waiting[0])
    await db.execute("UPDATE sample SET deleted_time = 1 WHERE id = $1", id_)

    assert await queue.give_up(db, id_)
