"""On a filled database no hot query reads a whole table."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from bench.tenants import Tenants

from samplebank.accounts.caller import Caller
from samplebank.database import Database, Page
from samplebank.database.listing import Listing
from samplebank.database.times import TimeRange
from samplebank.jobs.listing import JOB_SORTS, JOB_TIMES, JobFilter, jobs_matching
from samplebank.search.rows import VerdictCriterion
from samplebank.search.sample_order import SORTS as SAMPLE_SORTS
from samplebank.search.samples import SampleCriterion, samples_matching
from samplebank.search.submissions import SORTS as SUBMISSION_SORTS
from samplebank.search.submissions import SubmissionSearch, submissions_matching
from search.conftest import ENTRIES, READ, forget_scans
from search.questions import ALWAYS, HOT, PAGE, WEEK, Question

#: the tables that grow with the samples
LARGE = (
    "sample",
    "classification",
    "submission",
    "job",
    "job_task",
    "analysis",
    "verdict",
    "job_task_analysis",
    "sample_reader",
    "derived_fact",
    "derived_value",
    "tlsh",
)
#: PostgreSQL may change to a plan for any values after the fifth time
TIMES = 7
#: rows read for a page: a few times as many as the page has, of 20,000
FEW_ROWS = 10 * PAGE.limit
SCANS = "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE relname = ANY($1) ORDER BY relname"


@pytest.mark.parametrize("who", ["admin", "most", "one"])
@pytest.mark.parametrize("query", HOT, ids=lambda query: query.__name__)
async def test_no_large_table_is_read_from_end_to_end(
    filled: tuple[Database, Tenants],
    callers: dict[str, Caller],
    query: Callable[[Question], Awaitable[None]],
    who: str,
) -> None:
    database, tenants = filled
    async with database.connection() as db:
        await forget_scans(db)

        for _ in range(TIMES):
            await query(Question(db, callers[who], tenants))

        await db.execute("SELECT pg_stat_force_next_flush()")
        scans = {row[0]: row[1] for row in await db.fetch(SCANS, list(LARGE))}
    assert scans == dict.fromkeys(scans, 0)


LISTS: dict[str, Callable[[Caller, str], Listing[Any]]] = {
    **{
        f"samples by {name}": lambda caller, sort: samples_matching(caller, SampleCriterion(), ALWAYS, [sort])
        for name in SAMPLE_SORTS
    },
    **{
        f"submissions by {name}": lambda caller, sort: submissions_matching(
            caller, SubmissionSearch(), ALWAYS, [sort]
        )
        for name in SUBMISSION_SORTS
    },
    **{
        f"jobs by {name}": lambda caller, sort: jobs_matching(caller, JobFilter(), [sort])
        for name in JOB_SORTS
    },
}


@pytest.mark.parametrize("who", ["admin", "most", "one"])
@pytest.mark.parametrize("direction", ["", "-"])
@pytest.mark.parametrize("name", LISTS)
async def test_the_first_page_in_any_order_reads_no_large_table(
    filled: tuple[Database, Tenants], callers: dict[str, Caller], name: str, direction: str, who: str
) -> None:
    sort = direction + name.rpartition(" ")[2]
    async with filled[0].connection() as db:
        await forget_scans(db)

        await LISTS[name](callers[who], sort).page(db, PAGE)

        await db.execute("SELECT pg_stat_force_next_flush()")
        scans = {row[0]: row[1] for row in await db.fetch(SCANS, list(LARGE))}
    assert scans == dict.fromkeys(scans, 0)


@pytest.mark.parametrize("direction", ["", "-"])
@pytest.mark.parametrize("sort", JOB_SORTS)
async def test_a_page_of_jobs_with_any_time_in_a_week_reads_few_jobs(
    filled: tuple[Database, Tenants], callers: dict[str, Caller], sort: str, direction: str
) -> None:
    end = time.time_ns() // 1_000_000 - WEEK
    times = TimeRange(end - WEEK, end, tuple(JOB_TIMES.values()))
    async with filled[0].connection() as db:
        await forget_scans(db)

        page = await jobs_matching(callers["admin"], JobFilter(times=times), [direction + sort]).page(
            db, PAGE
        )

        await db.execute("SELECT pg_stat_force_next_flush()")
        read = await db.fetchval(READ, "job")
    assert len(page) == PAGE.limit
    assert read <= FEW_ROWS


@pytest.mark.parametrize("who", ["admin", "most", "one"])
@pytest.mark.parametrize(
    "rare",
    [
        VerdictCriterion(assessment=["suspicious"]),
        VerdictCriterion(include_flags=["contradictingStatusOverrides"]),
        VerdictCriterion(include_flags=["shared"]),
    ],
    ids=["suspicious", "contradicting", "shared"],
)
async def test_samples_by_a_rare_verdict_are_found_without_a_look_at_the_other_verdicts(
    filled: tuple[Database, Tenants], callers: dict[str, Caller], rare: VerdictCriterion, who: str
) -> None:
    async with filled[0].connection() as db:
        await forget_scans(db)

        listing = samples_matching(callers[who], SampleCriterion(verdicts=[rare]), ALWAYS)
        page = await listing.page(db, PAGE)

        await db.execute("SELECT pg_stat_force_next_flush()")
        read = await db.fetchval(READ, "verdict")
    assert page or who == "one"
    assert read <= FEW_ROWS


@pytest.mark.parametrize("sort", ["-sampleCreatedTimestamp", "sampleSize"])
async def test_a_search_by_several_wide_criteria_looks_at_few_rows_of_each(
    filled: tuple[Database, Tenants], callers: dict[str, Caller], sort: str
) -> None:
    wanted = SampleCriterion(tlps=["amber"], verdicts=[VerdictCriterion(minimum_score=5)])
    async with filled[0].connection() as db:
        await forget_scans(db)

        page = await samples_matching(callers["admin"], wanted, ALWAYS, [sort]).page(db, PAGE)

        await db.execute("SELECT pg_stat_force_next_flush()")
        read = [await db.fetchval(ENTRIES, table) for table in ("submission", "verdict")]
    assert len(page) == PAGE.limit
    assert max(read) <= FEW_ROWS


@pytest.mark.parametrize("offset", [0, 1000], ids=["first", "deep"])
@pytest.mark.parametrize("sort", ["observedTimestamp", "-observedTimestamp"])
async def test_a_page_of_a_reader_passes_over_no_submission_of_others(
    filled: tuple[Database, Tenants], callers: dict[str, Caller], sort: str, offset: int
) -> None:
    async with filled[0].connection() as db:
        await forget_scans(db)

        listing = submissions_matching(callers["one"], SubmissionSearch(), ALWAYS, [sort])
        page = await listing.page(db, Page(25, offset))

        await db.execute("SELECT pg_stat_force_next_flush()")
        read = await db.fetchval(READ, "submission")
        entries = await db.fetchval(ENTRIES, "submission")
    assert len(page) == PAGE.limit
    assert read <= FEW_ROWS
    assert entries <= 2 * 1000


@pytest.mark.parametrize("offset", [0, 1000], ids=["first", "deep"])
@pytest.mark.parametrize("sort", ["sampleCreatedTimestamp", "-sampleCreatedTimestamp"])
async def test_a_page_of_a_reader_passes_over_no_sample_of_others(
    filled: tuple[Database, Tenants], callers: dict[str, Caller], sort: str, offset: int
) -> None:
    async with filled[0].connection() as db:
        await forget_scans(db)

        page = await samples_matching(callers["one"], SampleCriterion(), ALWAYS, [sort]).page(
            db, Page(25, offset)
        )

        await db.execute("SELECT pg_stat_force_next_flush()")
        read = await db.fetchval(READ, "sample")
        entries = await db.fetchval(ENTRIES, "sample_reader")
    assert len(page) == PAGE.limit
    assert read <= FEW_ROWS
    assert entries <= 2 * 1000


@pytest.mark.parametrize("name", [name for name in LISTS if not name.startswith("jobs")])
async def test_the_number_of_a_list_of_a_reader_is_told_without_the_rows_of_the_list(
    filled: tuple[Database, Tenants], callers: dict[str, Caller], name: str
) -> None:
    async with filled[0].connection() as db:
        await forget_scans(db)

        count = await LISTS[name](callers["one"], name.rpartition(" ")[2]).count(db, 25)

        await db.execute("SELECT pg_stat_force_next_flush()")
        read = [
            await db.fetchval(query, table)
            for table in ("sample", "sample_reader", "submission")
            for query in (READ, ENTRIES)
        ]
        told = [await db.fetchval(ENTRIES, f"{kind}_reader_tally") for kind in ("sample", "submission")]
    assert count.is_exact
    assert read == [0] * 6
    assert sum(told) <= 20


@pytest.mark.parametrize("sort", ["lastUpdatedAnalysis", "-lastUpdatedAnalysis"])
async def test_samples_of_a_reader_by_their_last_analysis_pass_over_no_analysis_of_others(
    filled: tuple[Database, Tenants], callers: dict[str, Caller], sort: str
) -> None:
    async with filled[0].connection() as db:
        await forget_scans(db)

        page = await samples_matching(callers["one"], SampleCriterion(), ALWAYS, [sort]).page(db, PAGE)

        await db.execute("SELECT pg_stat_force_next_flush()")
        entries = await db.fetchval(ENTRIES, "analysis")
    assert len(page) == PAGE.limit
    assert entries <= FEW_ROWS


@pytest.mark.parametrize(
    "sort", ["-lastUpdatedSubmission", "lastUpdatedAnalysis", "sampleClassificationType"]
)
async def test_a_page_of_samples_that_have_the_key_is_planned_without_the_samples_that_have_none(
    filled: tuple[Database, Tenants], callers: dict[str, Caller], sort: str
) -> None:
    found = samples_matching(callers["one"], SampleCriterion(), ALWAYS, [sort])
    statements: list[str] = []
    async with filled[0].connection() as db:
        with db.query_logger(lambda record: statements.append(record.query)):
            page = await found.page(db, PAGE)
            await asyncio.sleep(0)  # the logger is called in the next turn of the loop

    assert len(page) == PAGE.limit
    assert statements
    assert not [text for text in statements if ") parts LIMIT" in text]
