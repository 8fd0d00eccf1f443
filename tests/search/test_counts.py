"""A list tells a number that held while the list was asked for, whatever others write meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest
from bench import tenants
from bench.databases import connected

from kit.databases import own_database
from kit.service import Service
from samplebank.accounts.caller import Caller, Scope, of_customer
from samplebank.accounts.directory import Directory
from samplebank.accounts.keys import find_caller
from samplebank.accounts.model import Permission
from samplebank.database import Database, connect
from samplebank.database.counting import ALWAYS
from samplebank.database.listing import Listing
from samplebank.database.migrations import upgrade
from samplebank.database.times import TimeRange
from samplebank.jobs.listing import JOB_TIMES, JobFilter, jobs_matching
from samplebank.jobs.tally import JOBS
from samplebank.samples.tally import LISTED, SAMPLES
from samplebank.search.samples import SampleCriterion, samples_matching
from samplebank.search.window import IndexWindow

NOW = time.time_ns() // 1_000_000
NEWEST = ["-enqueuedTimestamp"]
TIMES = TimeRange(0, 2 * NOW, tuple(JOB_TIMES.values()))
#: samples of a customer, each with a job
ADD = f"""
    WITH added AS (
        INSERT INTO sample (sha256, size, created_time, activity_time, readers)
        SELECT sha256(gen_random_uuid()::text::bytea), 1, {NOW}, {NOW}, ARRAY[$2::bigint] FROM generate_series(1, $3)
        RETURNING id
    )
    INSERT INTO job (id, sample_id, customer_id, state, enqueued_time, workers, options, rules)
    SELECT gen_random_uuid(), id, $1, 'enqueued', {NOW}, '{{}}', '[]', '[]' FROM added
"""
EMPTY = """
    TRUNCATE sample, job, sample_reader, sample_late, sample_tally, sample_tally_change, job_tally, job_tally_change,
             job_tally_total, sample_reader_tally, sample_reader_tally_change CASCADE
"""
WRITERS, COUNTS = 3, 15


class Store:
    """A database of samples with a job each, and how many there are: for certain, and at the most."""

    def __init__(self, url: str, database: Database, callers: dict[str, Caller], customer: int) -> None:
        self.database = database
        self.callers = callers
        self.committed = self.begun = 0
        self._wrote = asyncio.Event()
        self._url = url
        self._customer = customer

    async def add(self, db: Any, number: int) -> None:
        self.begun += number
        await db.execute(ADD, self._customer, of_customer(self._customer), number)
        self.committed += number
        self._wrote.set()

    async def another(self) -> None:
        """Wait until somebody has added something."""
        self._wrote.clear()
        await self._wrote.wait()

    async def restart(self, number: int) -> None:
        """Remove all samples, and add so many."""
        async with connected(self._url) as db:
            await db.execute(EMPTY)
            self.committed = self.begun = 0
            await self.add(db, number)

    @asynccontextmanager
    async def written_meanwhile(self) -> AsyncIterator[None]:
        """Others add samples, and fold the tallies, until the end of the block."""
        ended = asyncio.Event()

        async def write(size: int) -> None:
            async with connected(self._url) as db:
                while not ended.is_set():
                    await self.add(db, size)

        async def fold() -> None:
            async with connected(self._url) as db:
                while not ended.is_set():
                    for tally in (SAMPLES, LISTED, JOBS):
                        await tally.fold(db)

        async with asyncio.TaskGroup() as group:
            for size in range(1, WRITERS + 1):
                group.create_task(write(size))
            group.create_task(fold())
            yield
            ended.set()


@pytest.fixture(scope="module")
async def store(service: Service) -> AsyncIterator[Store]:
    async with own_database(service) as url:
        await asyncio.to_thread(upgrade, url)
        async with connected(url) as db:
            made = await tenants.make(db, 3, NOW)
        database = await connect(url, most=1, keep_plans=True)
        directory = Directory(database)
        await directory.refresh()
        async with database.connection() as db:
            reader = await find_caller(db, directory, made.one_key, now=NOW)
        assert reader is not None
        everything = {permission: Scope(everywhere=True) for permission in Permission}
        callers = {"reader": reader, "admin": Caller(reader.user, (), everything)}
        yield Store(url, database, callers, made.one_customer)
        await database.close()


class List(NamedTuple):
    who: str
    of: Callable[[Caller], Listing[Any]]
    is_tallied: bool = False


def all_samples(caller: Caller) -> Listing[Any]:
    return samples_matching(caller, SampleCriterion(), IndexWindow(0))


LISTS = {
    "samples of everybody": List("admin", all_samples, is_tallied=True),
    "samples of a reader": List("reader", all_samples, is_tallied=True),
    "samples of a time range": List(
        "reader", lambda caller: samples_matching(caller, SampleCriterion(), IndexWindow(0, 2 * NOW))
    ),
    "jobs of everybody": List(
        "admin", lambda caller: jobs_matching(caller, JobFilter(), NEWEST), is_tallied=True
    ),
    "jobs of a time range": List(
        "admin", lambda caller: jobs_matching(caller, JobFilter(times=TIMES), NEWEST)
    ),
}


@pytest.mark.parametrize("number", [20, ALWAYS + 20], ids=["few", "many"])
@pytest.mark.parametrize("name", LISTS)
async def test_a_number_counts_what_was_there_before_and_nothing_that_came_after(
    store: Store, name: str, number: int
) -> None:
    await store.restart(number)
    asked = LISTS[name]

    found = []
    async with store.written_meanwhile(), store.database.connection() as db:
        for _ in range(COUNTS):
            await store.another()
            before = store.committed
            count = await asked.of(store.callers[asked.who]).count(db, 0)
            found.append((before, count, store.begun))

    is_exact = asked.is_tallied or number <= ALWAYS
    assert [count.is_exact for _, count, _ in found] == [is_exact] * COUNTS
    least = [before if is_exact else ALWAYS + 1 for before, *_ in found]
    assert [low <= count.at_least <= high for low, (_, count, high) in zip(least, found, strict=True)] == [
        True
    ] * COUNTS
