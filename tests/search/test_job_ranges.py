"""Jobs of a time range are found part by part, and are the jobs of the whole list in its order."""

import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from bench.tenants import Tenants

from samplebank.accounts.caller import Caller
from samplebank.database import Connection, Database, Page
from samplebank.database.counting import Count
from samplebank.database.times import TimeRange
from samplebank.jobs import ranges
from samplebank.jobs.listing import JOB_SORTS, JOB_TIMES, JobFilter, jobs_matching
from samplebank.jobs.ranges import LONG
from search.conftest import followed

DAY = 86_400_000
LATER = 2 * LONG
#: the range of the tests begins and ends here, long after all other jobs
START = time.time_ns() // 1_000_000 + 400 * DAY
END = START + DAY
#: jobs whose times lie before, in and behind the range: short jobs, long jobs, jobs without some of the times, and jobs whose
#: times are not in their order because clocks differ
JOBS = f"""
    INSERT INTO job (id, sample_id, customer_id, state, enqueued_time, start_time, end_time, workers, options, rules)
    SELECT gen_random_uuid(), sample_id, customer_id,
           CASE WHEN finish IS NOT NULL AND begin IS NULL THEN 'timeout' WHEN finish IS NOT NULL THEN 'done'
                WHEN begin IS NOT NULL THEN 'executing' ELSE 'enqueued' END,
           enqueued, begin, finish, '{{}}', '[]', '[]'
      FROM (SELECT sample_id, customer_id FROM job ORDER BY id LIMIT 1) one,
           unnest(ARRAY[{START - DAY}, {START - 5000}, {START}, {START + DAY // 2}, {END - 5000}, {END}, {END + DAY}]) enqueued,
           unnest(ARRAY[NULL, 900, -300, {LATER}]::bigint[]) waited,
           unnest(ARRAY[NULL, 6000, -300, {LATER}, {DAY}]::bigint[]) took,
           LATERAL (SELECT enqueued + waited AS begin, enqueued + coalesce(waited, 0) + took AS finish) t
"""
ORDERS = {
    "enqueuedTimestamp": "enqueued_time {} NULLS LAST, id {}",
    "state": "state {}, enqueued_time {}, id {}",
    "startTimestamp": "start_time {} NULLS LAST, id {}",
    "endTimestamp": "end_time {} NULLS LAST, id {}",
}
FIELDS = {
    "any": (tuple(JOB_TIMES), False),
    "all": (tuple(JOB_TIMES), True),
    "enqueued": (("enqueuedTimestamp",), False),
    "ended": (("endTimestamp",), False),
    "started or ended": (("startTimestamp", "endTimestamp"), False),
    "enqueued and started": (("enqueuedTimestamp", "startTimestamp"), True),
}
RANGES = {"both": (START, END), "since": (START, None), "until": (None, START)}
SEVERAL = {
    "state DESC, end_time ASC NULLS LAST, id ASC": ["-state", "endTimestamp"],
    "start_time DESC NULLS LAST, enqueued_time DESC, id DESC": ["-startTimestamp", "-enqueuedTimestamp"],
}


@pytest.fixture
async def db(filled: tuple[Database, Tenants]) -> AsyncIterator[Connection]:
    """A transaction on the filled database that is rolled back after the test."""
    async with filled[0].connection() as db:
        transaction = db.transaction()
        await transaction.start()
        await db.execute(JOBS)
        yield db
        await transaction.rollback()


async def expected(db: Connection, wanted: JobFilter, order: str, limit: int) -> tuple[list[UUID], int]:
    """The first jobs and the number of all, as a plain query over all jobs has them."""
    columns = ", ".join(wanted.times.fields)
    quantity = "bool_and" if wanted.times.every else "bool_or"
    lies = f"(SELECT {quantity}(coalesce(t >= $1 AND t < $2, false)) FROM unnest(ARRAY[{columns}]) t)"
    rows = await db.fetch(
        f"SELECT j.id, count(*) OVER () FROM job j WHERE {lies} AND state = ANY($3) ORDER BY {order} LIMIT {limit}",
        wanted.times.start or 0,
        wanted.times.end or 2**62,
        wanted.states or ["done", "enqueued", "executing", "timeout"],
    )
    return [row[0] for row in rows], rows[0][1]


def of_range(fields: str, bounds: str, states: list[str] | None = None) -> JobFilter:
    names, every = FIELDS[fields]
    start, end = RANGES[bounds]
    return JobFilter(states, times=TimeRange(start, end, tuple(JOB_TIMES[name] for name in names), every))


@pytest.mark.parametrize("bounds", RANGES)
@pytest.mark.parametrize("fields", FIELDS)
@pytest.mark.parametrize("sort", [sign + name for name in JOB_SORTS for sign in ("", "-")])
async def test_jobs_of_a_range_come_in_any_order_with_their_number(
    db: Connection, callers: dict[str, Caller], sort: str, fields: str, bounds: str
) -> None:
    wanted = of_range(fields, bounds)
    direction = "DESC" if sort.startswith("-") else "ASC"
    order = ORDERS[sort.removeprefix("-")].replace("{}", direction)
    listing = jobs_matching(callers["admin"], wanted, [sort])

    page = await listing.page(db, Page(150))
    number = (await listing.count(db, 10_000)).number

    assert ([job.id for job in page], number) == await expected(db, wanted, order, 150)


@pytest.mark.parametrize("sort", ["enqueuedTimestamp", "-endTimestamp", "state"])
async def test_more_jobs_beyond_a_range_than_are_named_come_all_the_same(
    db: Connection, callers: dict[str, Caller], sort: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = of_range("any", "both")
    named = [job.id for job in await jobs_matching(callers["admin"], wanted, [sort]).page(db, Page(500))]
    monkeypatch.setattr(ranges, "MOST_BEYOND", 3)
    listing = jobs_matching(callers["admin"], wanted, [sort])

    page = await listing.page(db, Page(500))
    number = (await listing.count(db, 10_000)).number

    assert ([job.id for job in page], number) == (named, len(named))


async def test_a_page_of_a_range_that_an_index_has_comes_with_its_number(
    db: Connection, callers: dict[str, Caller]
) -> None:
    wanted = of_range("enqueued", "both", ["done", "timeout"])
    listing = jobs_matching(callers["admin"], wanted, ["-enqueuedTimestamp"])

    await listing.page(db, Page(5))

    _, number = await expected(db, wanted, "id", 1)
    assert listing.known_count == Count(number)


@pytest.mark.parametrize("sort", ["startTimestamp", "-endTimestamp", "-state"])
@pytest.mark.parametrize("fields", FIELDS)
async def test_pages_of_a_range_behind_cursors_are_together_the_list(
    db: Connection, callers: dict[str, Caller], fields: str, sort: str
) -> None:
    def listing() -> Any:
        return jobs_matching(callers["admin"], of_range(fields, "both"), [sort])

    whole = [job.id for job in await listing().page(db, Page(500))]

    assert [job.id for job in await followed(db, listing, 11)] == whole


@pytest.mark.parametrize("offset", [0, 5, 60])
async def test_jobs_of_some_states_in_a_range_come_in_the_order_of_the_states(
    db: Connection, callers: dict[str, Caller], offset: int
) -> None:
    wanted = of_range("any", "both", ["timeout", "done"])

    page = await jobs_matching(callers["admin"], wanted, ["-state"]).page(db, Page(20, offset))

    whole, _ = await expected(db, wanted, "state DESC, enqueued_time DESC, id DESC", 500)
    assert [job.id for job in page] == whole[offset : offset + 20]


@pytest.mark.parametrize(("order", "sort"), SEVERAL.items())
async def test_jobs_of_a_range_come_in_the_order_of_several_keys(
    db: Connection, callers: dict[str, Caller], order: str, sort: list[str]
) -> None:
    wanted = of_range("any", "both")

    page = await jobs_matching(callers["admin"], wanted, sort).page(db, Page(500))

    assert [job.id for job in page] == (await expected(db, wanted, order, 500))[0]
