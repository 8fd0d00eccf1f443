"""Pages of jobs of some customers. Few jobs are gathered at once, and many jobs are counted apart."""

import time
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from bench.tenants import Tenants

from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Database, Page
from samplebank.database.counting import Count
from samplebank.database.times import TimeRange
from samplebank.jobs.listing import FEW_JOBS, JOB_TIMES, JobFilter, jobs_matching
from search.conftest import followed, rows_read

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
OF_CUSTOMERS = "SELECT id FROM job WHERE customer_id = ANY($1) ORDER BY {}"
IN_ORDER = {
    "state": "state, enqueued_time, id",
    "-state": "state DESC, enqueued_time DESC, id DESC",
    "startTimestamp": "start_time NULLS LAST, id",
    "-startTimestamp": "start_time DESC NULLS LAST, id DESC",
    "endTimestamp": "end_time NULLS LAST, id",
    "-endTimestamp": "end_time DESC NULLS LAST, id DESC",
}
SOME_NOT_STARTED = """
    UPDATE job SET state = 'enqueued', start_time = NULL, end_time = NULL
     WHERE customer_id = ANY($1) AND sample_id % 3 = 0
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


@pytest.mark.parametrize("sort", ["-enqueuedTimestamp", "endTimestamp", "-state"])
async def test_the_number_of_the_many_jobs_of_few_customers_is_tallied_in_any_order(
    db: Connection, callers: dict[str, Caller], sort: str
) -> None:
    (customer,) = callers["one"].scope(Permission.VIEW_JOBS).customers
    before = await db.fetchval(COUNT, [customer], ["done"])
    await db.execute(MANY, customer)

    listing = jobs_matching(callers["one"], JobFilter(states=["done"]), [sort])
    page = await listing.page(db, Page(7))

    assert len(page) == 7
    assert (await listing.count(db, 0)).number == before + FEW_JOBS


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("sort", IN_ORDER)
async def test_the_few_jobs_of_some_customers_come_in_any_order_with_their_number(
    db: Connection, filled: tuple[Database, Tenants], callers: dict[str, Caller], number: int, sort: str
) -> None:
    customers = filled[1].customers[-number:]
    await db.execute(SOME_NOT_STARTED, customers)
    expected = [row[0] for row in await db.fetch(OF_CUSTOMERS.format(IN_ORDER[sort]), customers)]
    wanted = JobFilter(customers=customers)

    for offset in (0, 7, len(expected) - 3, len(expected)):
        listing = jobs_matching(callers["most"], wanted, [sort])
        page = await listing.page(db, Page(7, offset))

        assert [job.id for job in page] == expected[offset : offset + 7]
        assert (await listing.count(db, 0)).number == len(expected) > 14


RARE_WORKER = "UPDATE job_task SET worker = 'rare' WHERE worker = 'yara' AND sample_id % 1000 = 3"
RARE_TYPE = "UPDATE classification SET type = 'rare' WHERE sample_id % 500 IN (3, 4)"
#: the state decides first where jobs are sorted by state
OF_RARE = """
    SELECT j.id FROM job j JOIN sample s ON s.id = j.sample_id LEFT JOIN classification c ON c.id = s.classification_id
     WHERE (NOT $1 OR EXISTS (SELECT FROM job_task t WHERE t.job_id = j.id AND t.worker = 'rare'))
       AND (NOT $2 OR c.type = 'rare') AND s.deleted_time IS NULL
     ORDER BY {}
"""
ORDERS = {
    "-enqueuedTimestamp": "enqueued_time DESC, j.id DESC",
    "endTimestamp": "end_time NULLS LAST, j.id",
    "-state": "state DESC, enqueued_time DESC, j.id DESC",
}
RARE = {
    "a worker": JobFilter(workers=["rare", "nobody"]),
    "a type": JobFilter(types=["rare"]),
    "both": JobFilter(workers=["rare"], types=["rare"]),
}
JOBS_OF = """
    SELECT count(DISTINCT t.job_id) FROM job_task t JOIN worker w ON w.id = t.worker_id WHERE w.short_name = $1
"""


@pytest.fixture
async def rare(db: Connection) -> Connection:
    """A few jobs have a task of the worker `rare`, and a few samples are of the type `rare`."""
    await db.execute(RARE_WORKER)
    await db.execute(RARE_TYPE)
    return db


async def check_pages(db: Connection, caller: Caller, name: str, sort: str, *, size: int = 9) -> int:
    """Compare pages by offset, and all pages of `size` by cursor, with a plain query; the number of jobs."""
    wanted = RARE[name]
    asked = wanted.workers is not None, wanted.types is not None
    expected = [row[0] for row in await db.fetch(OF_RARE.format(ORDERS[sort]), *asked)]
    for offset in (0, 7, len(expected)):
        listing = jobs_matching(caller, wanted, [sort])
        page = await listing.page(db, Page(7, offset))
        assert [job.id for job in page] == expected[offset : offset + 7]
        assert (await listing.count(db, 10_000)).number == len(expected)
    pages = await followed(db, lambda: jobs_matching(caller, wanted, [sort]), size)
    assert [job.id for job in pages] == expected
    return len(expected)


@pytest.mark.parametrize("who", ["admin", "most"])
@pytest.mark.parametrize("sort", ORDERS)
@pytest.mark.parametrize("name", RARE)
async def test_jobs_of_a_rare_worker_or_type_are_found_without_a_look_at_all_jobs(
    rare: Connection, callers: dict[str, Caller], name: str, sort: str, who: str
) -> None:
    listing = jobs_matching(callers[who], RARE[name], [sort])
    before = await rows_read(rare, "job")

    page = await listing.page(rare, Page(25))
    await listing.count(rare, 10_000)

    read = await rows_read(rare, "job") - before
    number = await check_pages(rare, callers[who], name, sort)
    assert read <= 5 * number
    assert len(page) == min(number, 25) > 7


@pytest.mark.parametrize("sort", ORDERS)
@pytest.mark.parametrize("name", RARE)
async def test_jobs_that_are_more_than_the_planner_thinks_are_gone_through(
    rare: Connection, callers: dict[str, Caller], monkeypatch: pytest.MonkeyPatch, name: str, sort: str
) -> None:
    await rare.execute("ANALYZE job_task (worker)")  # else all tasks of the worker are read for each job
    monkeypatch.setattr("samplebank.jobs.rare_sides.MOST_GATHERED", 5)
    monkeypatch.setattr("samplebank.jobs.rare_sides.PATIENCE", 60_000)

    # each page takes a look at all jobs, so the pages are few
    assert await check_pages(rare, callers["admin"], name, sort, size=20) > 7


@pytest.mark.parametrize("sort", ORDERS)
@pytest.mark.parametrize("name", RARE)
async def test_jobs_that_are_not_found_soon_by_going_through_are_gathered(
    rare: Connection, callers: dict[str, Caller], monkeypatch: pytest.MonkeyPatch, name: str, sort: str
) -> None:
    monkeypatch.setattr("samplebank.jobs.rare_sides.LITTLE", -1)
    monkeypatch.setattr("samplebank.jobs.rare_sides.PATIENCE", 1)

    assert await check_pages(rare, callers["admin"], name, sort) > 7


@pytest.mark.parametrize(("budget", "is_exact"), [(0.0, False), (10_000.0, True)])
async def test_the_number_of_very_many_jobs_of_a_worker_is_exact_where_counting_them_is_quick(
    db: Connection,
    callers: dict[str, Caller],
    monkeypatch: pytest.MonkeyPatch,
    *,
    budget: float,
    is_exact: bool,
) -> None:
    monkeypatch.setattr("samplebank.jobs.rare_sides.LITTLE", 400)
    monkeypatch.setattr("samplebank.jobs.rare_sides.ALWAYS", 300)
    listing = jobs_matching(callers["admin"], JobFilter(workers=["yara"]), ["-enqueuedTimestamp"])
    before = await rows_read(db, "job")

    page = await listing.page(db, Page(25))
    count = await listing.count(db, budget)

    read = await rows_read(db, "job") - before
    number = await db.fetchval(JOBS_OF, "yara") if is_exact else 300
    assert (len(page), count) == (25, Count(number, is_exact=is_exact))
    assert read <= 10 * 25
