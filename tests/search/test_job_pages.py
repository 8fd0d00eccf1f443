"""Pages of the jobs of some customers, which are gathered at once where they are few, and counted apart where not."""

import time
from uuid import UUID

import pytest
from bench.tenants import Tenants

from samplebank.accounts.access import Caller
from samplebank.database import Database, Page
from samplebank.jobs.queries import FEW_JOBS, JOB_TIMES, JobFilter, TimeRange, jobs_matching

WEEK = 7 * 86_400_000
EXPECTED = """
    SELECT id FROM job WHERE customer_id = ANY($1) AND state = 'done'
       AND EXISTS (SELECT FROM unnest(ARRAY[enqueued_time, start_time, end_time]) t WHERE t >= $2 AND t < $3)
     ORDER BY enqueued_time DESC, id DESC
"""
#: undone at the end, as it is a lie
MANY = f"INSERT INTO job_tally_change VALUES ($1, 'done', {FEW_JOBS})"


@pytest.mark.parametrize("number", [1, 3, 30])
@pytest.mark.parametrize("many", [False, True], ids=["few jobs", "many jobs"])
async def test_each_page_has_its_jobs_in_order_and_the_number_of_all(
    filled: tuple[Database, Tenants], callers: dict[str, Caller], number: int, *, many: bool
) -> None:
    database, tenants = filled
    customers = tenants.customers[-number:]
    end = time.time_ns() // 1_000_000
    times = TimeRange(end - WEEK, end, tuple(JOB_TIMES.values()))
    wanted = JobFilter(states=["done"], customers=customers, times=times)
    async with database.connection() as db:
        undone = db.transaction()
        await undone.start()
        try:
            if many:
                await db.execute(MANY, customers[0])
            expected: list[UUID] = [row[0] for row in await db.fetch(EXPECTED, customers, end - WEEK, end)]

            for offset in (0, 7, len(expected)):
                listing = jobs_matching(callers["most"], wanted, ["-enqueuedTimestamp"])
                page = await listing.page(db, Page(7, offset))

                assert [job.id for job in page] == expected[offset : offset + 7]
                assert await listing.count(db, 10_000) == len(expected) > 7
        finally:
            await undone.rollback()
