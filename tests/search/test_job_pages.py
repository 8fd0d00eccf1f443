"""Pages of jobs of some customers. Few jobs are gathered at once, and many jobs are counted apart."""

import time
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from bench.tenants import Tenants

from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Database, Page
from samplebank.database.times import TimeRange
from samplebank.jobs.listing import FEW_JOBS, JOB_TIMES, JobFilter, jobs_matching

WEEK = 7 * 86_400_000
EXPECTED = """
    SELECT id FROM job WHERE customer_id = ANY($1) AND state = 'done'
       AND EXISTS (SELECT FROM unnest(ARRAY[enqueued_time, start_time, end_time]) t WHERE t >= $2 AND t < $3)
     ORDER BY enqueued_time DESC, id DESC
"""
COUNT = "SELECT count(*) FROM job WHERE customer_id = ANY($1) AND state = ANY($2)"
#: some jobs belong to a customer who was added after the callers were looked up
OF_A_CUSTOMER_UNKNOWN_TO_ALL = """
    WITH added AS (
        INSERT INTO customer (short_name, name, domain_id, parent_id)
        SELECT 'added', 'added later', domain_id, parent_id FROM customer WHERE parent_id IS NOT NULL LIMIT 1 RETURNING id
    )
    INSERT INTO job (id, sample_id, customer_id, state, enqueued_time, start_time, end_time, workers, options, rules)
    SELECT gen_random_uuid(), j.sample_id, added.id, 'done', 9e12, 9e12, 9e12, '{}', '[]', '[]'
      FROM added, (SELECT sample_id FROM job LIMIT 5) j
"""
#: undone at the end, because the row is false
MANY = f"INSERT INTO job_tally_change VALUES ($1, 'done', {FEW_JOBS})"


@pytest.fixture
async def db(filled: tuple[Database, Tenants]) -> AsyncIterator[Connection]:
    """A transaction on the filled database that is rolled back after the test."""
    async with filled[0].connection() as db:
        transaction = db.transaction()
        await transaction.start()
        yield db
        await transaction.rollback()


@pytest.mark.parametrize("number", [1, 3, 30])
@pytest.mark.parametrize("many", [False, True], ids=["few jobs", "many jobs"])
async def test_each_page_has_its_jobs_in_order_and_the_number_of_all(
    db: Connection, filled: tuple[Database, Tenants], callers: dict[str, Caller], number: int, *, many: bool
) -> None:
    customers = filled[1].customers[-number:]
    end = time.time_ns() // 1_000_000
    times = TimeRange(end - WEEK, end, tuple(JOB_TIMES.values()))
    wanted = JobFilter(states=["done"], customers=customers, times=times)
    if many:
        await db.execute(MANY, customers[0])
    expected: list[UUID] = [row[0] for row in await db.fetch(EXPECTED, customers, end - WEEK, end)]

    for offset in (0, 7, len(expected)):
        listing = jobs_matching(callers["most"], wanted, ["-enqueuedTimestamp"])
        page = await listing.page(db, Page(7, offset))

        assert [job.id for job in page] == expected[offset : offset + 7]
        assert (await listing.count(db, 10_000)).number == len(expected) > 7


@pytest.mark.parametrize("states", [None, ["done"], ["done", "executing"]])
@pytest.mark.parametrize("who", ["one", "most"])
async def test_a_list_that_is_tallied_says_how_many_jobs_the_caller_may_see(
    db: Connection, callers: dict[str, Caller], who: str, states: list[str] | None
) -> None:
    caller = callers[who]
    held = caller.scope(Permission.VIEW_JOBS).customers
    await db.execute(OF_A_CUSTOMER_UNKNOWN_TO_ALL)
    expected = await db.fetchval(COUNT, list(held), states or ["enqueued", "executing", "done", "timeout"])

    listing = jobs_matching(caller, JobFilter(states=states), ["-enqueuedTimestamp"])
    page = await listing.page(db, Page(7))

    assert {job.customer_id for job in page} <= held
    assert (await listing.count(db, 10_000)).number == expected > 7
