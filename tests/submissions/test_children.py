"""The budget of a root is exact, however many workers bring children at once."""

import asyncio
import hashlib
from uuid import UUID

import pytest

from kit.bank import Bank
from kit.children import Parent, some_bytes
from samplebank.blobs import Digests
from samplebank.database import Connection, Database
from samplebank.policy.rules import PolicyBook
from samplebank.submissions import origins
from samplebank.submissions.children import Find, NewChild, Receipt, store_child
from samplebank.submissions.origins import Bounds, Origin
from samplebank.submissions.receiving import receive_alone

NOW = 4_000_000_000_000
WIDE = Bounds(depth=6, files=500, bytes=1 << 30)
NEW = NewChild(path="a/b", file_name="b", relation="child", how="zip", worker_version="1")
ORIGIN = """
    SELECT t.job_id, t.worker, j.sample_id, p.sha256, j.customer_id, u.tlp, u.acl, u.readers, u.observed_time, u.expiry_time,
           u.meta_data, u.id AS root_id, 0 AS depth
      FROM job_task t JOIN job j ON j.id = t.job_id JOIN sample p ON p.id = j.sample_id
      JOIN submission u ON u.id = j.submission_id WHERE t.id = $1
"""


def digests_of(data: bytes, size: int | None = None) -> Digests:
    return Digests(
        size=len(data) if size is None else size,
        **{name: hashlib.new(name, data).digest() for name in ("md5", "sha1", "sha256", "sha512")},
    )


class Storing:
    """Stores children of one parent, without bytes, as several workers do at once."""

    def __init__(self, database: Database, origin: Origin, user_id: int) -> None:
        self.database, self.origin, self.user_id = database, origin, user_id
        self.policies = PolicyBook()

    async def store(self, bounds: Bounds = WIDE, data: bytes = b"", size: int = 100) -> Receipt:
        digests = digests_of(data or some_bytes(), size)
        async with self.database.connection() as db:
            sample_id, _ = await receive_alone(
                db, digests, customer_id=self.origin.customer_id, user_id=None, now=NOW
            )
        find = Find(self.origin, sample_id, digests, NEW, self.user_id, NOW)
        async with self.database.transaction() as db:
            return await store_child(
                db, find, self.policies, bounds=bounds, longest_run=60_000, needs_type=False
            )

    async def stored(self, count: int, bounds: Bounds, size: int = 100) -> list[str | None]:
        """The reasons for `count` different children at once; None for a child that was stored."""
        receipts = await asyncio.gather(*(self.store(bounds, size=size) for _ in range(count)))
        return [receipt.reason for receipt in receipts]


@pytest.fixture
async def storing(bank: Bank, database: Database, db: Connection) -> Storing:
    parent = Parent(bank)
    row = await db.fetchrow(ORIGIN, UUID(parent.task))
    assert row is not None
    origin = Origin(**row)
    user_id = await db.fetchval("SELECT id FROM subject WHERE short_name = 'robot'")
    return Storing(database, origin, user_id)


async def test_files_of_a_root_are_counted_exactly(storing: Storing) -> None:
    reasons = await storing.stored(40, Bounds(depth=6, files=15, bytes=1 << 30))

    assert sorted(str(reason) for reason in reasons) == ["None"] * 15 + ["files"] * 25


async def test_bytes_of_a_root_are_counted_exactly(storing: Storing) -> None:
    reasons = await storing.stored(30, Bounds(depth=6, files=500, bytes=1_050), size=100)

    assert sorted(str(reason) for reason in reasons) == ["None"] * 10 + ["bytes"] * 20


async def test_a_child_that_is_larger_than_the_rest_of_the_budget_leaves_room_for_others(
    storing: Storing,
) -> None:
    bounds = Bounds(depth=6, files=500, bytes=1_000)

    reasons = [(await storing.store(bounds, size=size)).reason for size in (600, 500, 400, 1)]

    assert reasons == [None, "bytes", None, "bytes"]


async def test_a_known_child_costs_nothing(storing: Storing, db: Connection) -> None:
    bounds, data = Bounds(depth=6, files=1, bytes=1_000), some_bytes()

    receipts = [await storing.store(bounds, data) for _ in range(3)]

    assert {receipt.outcome for receipt in receipts} == {"stored"}
    used = await db.fetchrow("SELECT files, bytes FROM extraction WHERE root_id = $1", storing.origin.root_id)
    assert tuple(used or ()) == (1, 100)


async def test_a_refused_child_leaves_no_submission_and_no_link(storing: Storing, db: Connection) -> None:
    data = some_bytes()

    receipt = await storing.store(Bounds(depth=6, files=0, bytes=1_000), data)

    sha256 = digests_of(data).sha256
    assert (receipt.outcome, receipt.reason) == ("refused", "files")
    assert await db.fetchval("SELECT count(*) FROM link WHERE reference = $1", sha256) == 0
    assert await db.fetchval("SELECT unread_since FROM sample WHERE sha256 = $1", sha256) is not None


async def test_the_early_look_and_the_transaction_agree(storing: Storing, db: Connection) -> None:
    bounds = Bounds(depth=6, files=1, bytes=1_000)
    await storing.store(bounds)

    early = await origins.bound_reached(db, storing.origin, 1, bounds)

    assert early == (await storing.store(bounds)).reason == "files"
