"""A reader of few customers finds the submissions of the list, each once, whoever shares these with the reader."""

import time
from collections.abc import AsyncIterator
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from bench.tenants import Tenants

from kit.databases import rolled_back
from samplebank.accounts.access import FEW, parts_of_rows
from samplebank.accounts.caller import Caller, Scope, of_customer, readers
from samplebank.accounts.model import Customer, Domain, Permission
from samplebank.database import Connection, Database, Page
from samplebank.search.submissions import SubmissionSearch, submissions_matching
from samplebank.search.window import IndexWindow
from search.conftest import followed

NOW = time.time_ns() // 1_000_000
WEEK = 7 * 86_400_000
WINDOWS = {
    "ever": IndexWindow(0),
    "a week": IndexWindow(NOW - WEEK),
    "until a week ago": IndexWindow(0, NOW - WEEK),
}
GROUP, STRANGER = 900_001, 900_002
COPY = """
    INSERT INTO submission (id, sample_id, customer_id, user_id, tlp, acl, readers, file_name, mime_type, agent_name,
                            agent_version, meta_data, observed_time, submitted_time, trusted_agent)
    SELECT $1, sample_id, $2, user_id, $3, $4, $5, file_name, mime_type, agent_name, agent_version, meta_data, $6, $7,
           trusted_agent
      FROM submission LIMIT 1
"""
SEEN = """
    SELECT id FROM submission WHERE readers && $1 AND submitted_time >= $2 AND ($3::bigint IS NULL OR submitted_time <= $3)
     ORDER BY observed_time {0}, id {0}
"""


@pytest.fixture
async def db(filled: tuple[Database, Tenants]) -> AsyncIterator[Connection]:
    """A transaction on the filled database that is rolled back after the test."""
    async with rolled_back(filled[0]) as db:
        yield db


@pytest.fixture
def reader(callers: dict[str, Caller]) -> Caller:
    """A member of a group who reads for two customers of different domains."""
    one = callers["one"]
    held = one.scope(Permission.VIEW_SUBMISSION).customers
    scope = Scope(customers=held | {max(held) + 3})
    return msgspec.structs.replace(one, groups=(GROUP,), scopes={Permission.VIEW_SUBMISSION: scope})


@pytest.fixture
async def shared(db: Connection, reader: Caller) -> int:
    """Submissions of each TLP and several ACLs, of customers that the reader holds and lacks; the number of these."""
    held = sorted(reader.scope(Permission.VIEW_SUBMISSION).customers)
    of_domain = await db.fetch("SELECT id, domain_id FROM customer WHERE id = ANY($1) OR id % 7 = 0", held)
    acls: list[list[int]] = [[], [reader.user.id], [GROUP], [reader.user.id, GROUP], [STRANGER]]
    number = 0
    for (customer, domain), tlp, acl in product(of_domain, ("amber", "green", "clear"), acls):
        numbers = readers(Customer(customer, "", "", Domain(domain, ""), None), tlp, acl)
        observed = NOW - (number * 7919) % (2 * WEEK)
        await db.execute(COPY, uuid4(), customer, tlp, acl, numbers, observed, observed + number % 5)
        number += 1
    return number


async def seen(db: Connection, caller: Caller, window: IndexWindow, direction: str) -> list[UUID]:
    numbers = caller.numbers(Permission.VIEW_SUBMISSION)
    rows = await db.fetch(SEEN.format(direction), numbers, window.start, window.end)
    return [row[0] for row in rows]


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
async def test_a_reader_finds_each_submission_once_in_order(
    db: Connection, reader: Caller, shared: int, window: IndexWindow, direction: str
) -> None:
    sort = ("-" if direction == "DESC" else "") + "observedTimestamp"
    expected = await seen(db, reader, window, direction)

    def listing() -> Any:
        return submissions_matching(reader, SubmissionSearch(), window, [sort])

    for offset in (0, 333, len(expected) - 3, len(expected)):
        page = await listing().page(db, Page(7, offset))
        assert [one.id for one in page] == expected[offset : offset + 7]
    assert [one.id for one in await followed(db, listing, 400)] == expected
    assert (await listing().count(db, 10_000)).number == len(expected) > shared / 3


async def test_the_rows_of_few_customers_come_in_parts_without_a_row_in_two(
    db: Connection, reader: Caller, shared: int
) -> None:
    parts = parts_of_rows(reader, "u", Permission.VIEW_SUBMISSION)

    found: list[UUID] = []
    for part in parts:
        query, values = part.render()
        found += [row[0] for row in await db.fetch(f"SELECT id FROM submission u WHERE {query}", *values)]

    assert sorted(found) == sorted(await seen(db, reader, IndexWindow(0), "ASC"))
    assert len(set(found)) == len(found) > shared / 3


def test_who_sees_all_or_holds_many_customers_gets_no_parts(callers: dict[str, Caller]) -> None:
    many = Scope(customers=frozenset(range(1, FEW + 2)))
    holder = msgspec.structs.replace(callers["one"], scopes={Permission.VIEW_SUBMISSION: many})

    found = [parts_of_rows(caller, "u", Permission.VIEW_SUBMISSION) for caller in (callers["admin"], holder)]

    assert found == [[], []]


async def test_the_rows_of_a_customer_have_the_number_of_the_customer(
    filled: tuple[Database, Tenants],
) -> None:
    """Parts take the customer of a row for a reader of the row."""
    async with filled[0].connection() as db:
        rows = await db.fetch("SELECT customer_id, readers FROM submission LIMIT 100")

    assert all(of_customer(row[0]) in row[1] for row in rows)
