"""On a filled database no hot query reads a whole table."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from bench.tenants import Tenants

from kit.rules import RULES
from samplebank.accounts.caller import Caller, Scope, of_customer
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Database, Page
from samplebank.database.listing import Listing
from samplebank.database.times import TimeRange
from samplebank.endings import leases, timeouts
from samplebank.endings.updates import update_task
from samplebank.jobs import claims
from samplebank.jobs.listing import JOB_SORTS, JOB_TIMES, JobFilter, jobs_matching
from samplebank.jobs.model import TaskState
from samplebank.jobs.opening import Cause, open_again
from samplebank.jobs.progress import Move
from samplebank.jobs.queries import get_job, tasks_of
from samplebank.policy.model import Plan
from samplebank.policy.rules import PolicyBook, read_version
from samplebank.samples.catalogue import get_known
from samplebank.samples.tlsh import FURTHEST
from samplebank.search.glance import Glances
from samplebank.search.keywords import Keywords, read_keyword
from samplebank.search.paths import PathCriterion
from samplebank.search.rows import SubmissionCriterion, Tag, VerdictCriterion
from samplebank.search.sample_order import SORTS as SAMPLE_SORTS
from samplebank.search.samples import SampleCriterion, samples_matching
from samplebank.search.sets import DIGESTS, KEYWORD_KINDS
from samplebank.search.similar import similar_to
from samplebank.search.submissions import KEYWORD_FIELDS, SubmissionSearch, submissions_matching
from samplebank.search.submissions import SORTS as SUBMISSION_SORTS
from samplebank.search.window import IndexWindow
from samplebank.submissions import challenge
from samplebank.submissions.intake import Token, submit
from samplebank.submissions.model import COLUMNS, NewSubmission
from search.conftest import RELATED, SAMPLES, forget_scans

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
SCANS = "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE relname = ANY($1) ORDER BY relname"
READ = "SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_user_tables WHERE relname = $1"
ENTRIES = "SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname = $1"
#: PostgreSQL may change to a plan for any values after the fifth time
TIMES = 7
PAGE = Page(25)
#: rows read for a page: a few times as many as the page has, of 20,000
FEW_ROWS = 10 * PAGE.limit
ALWAYS = IndexWindow(0)
WEEK = 7 * 86_400_000
ANY_FIELD = frozenset((*DIGESTS, *KEYWORD_KINDS))


class Question:
    """A question of a test to the database, and the caller whose rows are asked for."""

    def __init__(self, db: Connection, caller: Caller, tenants: Tenants) -> None:
        self.db = db
        self.caller = caller
        self.tenants = tenants

    async def list(self, listing: Listing[Any]) -> None:
        await listing.page(self.db, PAGE)
        await listing.count(self.db, 10_000)

    async def sample(self) -> bytes:
        found: bytes = await self.db.fetchval(f"SELECT sha256 FROM sample WHERE id = {SAMPLES // 2}")
        return found

    async def job(self) -> UUID:
        found: UUID = await self.db.fetchval(f"SELECT id FROM job WHERE sample_id = {SAMPLES // 2}")
        return found


async def newest_jobs(ask: Question) -> None:
    listing = jobs_matching(ask.caller, JobFilter(), ["-enqueuedTimestamp"])
    await ask.list(listing)


async def unfinished_jobs(ask: Question) -> None:
    await ask.list(jobs_matching(ask.caller, JobFilter(states=["executing"]), ["-enqueuedTimestamp"]))


async def jobs_of_a_week_and_customer(ask: Question) -> None:
    latest = time.time_ns() // 1_000_000
    times = TimeRange(latest - WEEK, latest, tuple(JOB_TIMES.values()))
    wanted = JobFilter(states=["done"], customers=[ask.tenants.one_customer], times=times)
    await ask.list(jobs_matching(ask.caller, wanted, ["enqueuedTimestamp"]))


async def jobs_of_a_sample(ask: Question) -> None:
    await ask.list(jobs_matching(ask.caller, JobFilter(samples=[await ask.sample()]), ["enqueuedTimestamp"]))


async def a_page_of_jobs_of_a_worker(ask: Question) -> None:
    worker = await ask.db.fetchval("SELECT short_name FROM worker ORDER BY id LIMIT 1")
    listing = jobs_matching(ask.caller, JobFilter(workers=[worker]), ["-enqueuedTimestamp"])
    await listing.page(ask.db, PAGE)


async def a_page_of_jobs_of_a_type(ask: Question) -> None:
    listing = jobs_matching(ask.caller, JobFilter(types=["pdf"]), ["-enqueuedTimestamp"])
    await listing.page(ask.db, PAGE)


async def a_job_with_its_tasks(ask: Question) -> None:
    job = await get_job(ask.db, await ask.job())
    await ask.list(tasks_of(job.id, ask.caller, ["worker"]))


async def a_claim(ask: Question) -> None:
    now = time.time_ns() // 1_000_000
    await claims.claim(ask.db, ask.caller, "static", most=10, now=now, lease=1000, cause=COLUMNS)


async def a_submission(ask: Question) -> None:
    sha256, now = await ask.sample(), time.time_ns() // 1_000_000
    user, customer = ask.caller.user.id, ask.tenants.one_customer
    token = await challenge.issue(ask.db, SAMPLES // 2, user, sha256, now + 60_000)
    new = NewSubmission(
        customer_id=customer,
        readers=[of_customer(customer)],
        tlp="amber",
        acl=[],
        file_name=secrets.token_hex(8),
        mime_type="text/plain",
        agent_name="tests",
        agent_version="1",
        meta_data={},
        observed_time=now,
        expiry_time=None,
        trusted_agent=False,
    )
    good = Token(token, sha256, sha256)
    tries = challenge.Tries(20, 60_000)
    await submit(
        ask.db, sha256, good, new, PolicyBook(), user_id=user, tries=tries, similar_window=60_000, now=now
    )


async def the_end_of_a_task(ask: Question) -> None:
    now = time.time_ns() // 1_000_000
    everybody = Caller(ask.caller.user, (), {permission: Scope(everywhere=True) for permission in Permission})
    yara = await ask.db.fetchval("SELECT id FROM worker WHERE short_name = 'yara'")
    book = await PolicyBook().current(ask.db, await read_version(ask.db))
    submission = await ask.db.fetchval("SELECT id FROM submission WHERE sample_id = 1 LIMIT 1")
    cause = Cause(1, ask.tenants.one_customer, submission)
    job, _ = await open_again(ask.db, cause, Plan((yara,), (), ()), book, shift=0, now=now)
    task = await ask.db.fetchval("SELECT id FROM job_task WHERE job_id = $1", job.id)
    success = Move(TaskState.SUCCESS, [])
    await update_task(ask.db, everybody, str(job.id), str(task), success, rules=RULES, now=now)


async def the_sweeps_of_jobs_and_leases(ask: Question) -> None:
    await timeouts.overdue_jobs(ask.db, RULES, now=1)
    await leases.ended_leases(ask.db, now=1)


async def a_known_sample(ask: Question) -> None:
    await get_known(ask.db, await ask.sample())


async def a_sample_by_hash(ask: Question) -> None:
    await ask.list(
        samples_matching(ask.caller, SampleCriterion(digests={"sha256": [await ask.sample()]}), ALWAYS)
    )


async def samples_by_a_common_keyword(ask: Question) -> None:
    await ask.list(samples_matching(ask.caller, SampleCriterion(keywords=word("faktura")), ALWAYS))


async def samples_by_an_absent_keyword(ask: Question) -> None:
    await ask.list(samples_matching(ask.caller, SampleCriterion(keywords=word("qqzzxxjj")), ALWAYS))


async def samples_by_one_file_name(ask: Question) -> None:
    name = await ask.db.fetchval(f"SELECT file_name FROM submission WHERE sample_id = {SAMPLES // 2}")
    await ask.list(samples_matching(ask.caller, SampleCriterion(keywords=word(name)), ALWAYS))


async def samples_by_sub_criteria(ask: Question) -> None:
    parts = [
        SampleCriterion(required=True, keywords=word("faktura")),
        SampleCriterion(exclude=True, verdicts=[VerdictCriterion(minimum_score=50)]),
    ]
    await ask.list(samples_matching(ask.caller, SampleCriterion(sub_criteria=parts), ALWAYS))


async def samples_by_metadata(ask: Question) -> None:
    found = SubmissionCriterion(meta_data=[PathCriterion(path="sensor", value=["dmz-7"])])
    await ask.list(samples_matching(ask.caller, SampleCriterion(submissions=[found]), ALWAYS))


async def samples_by_verdict(ask: Question) -> None:
    found = VerdictCriterion(minimum_score=95, tags=[Tag("family", "qakbot")])
    await ask.list(samples_matching(ask.caller, SampleCriterion(verdicts=[found]), ALWAYS))


async def samples_by_size(ask: Question) -> None:
    size = await ask.db.fetchval(f"SELECT size FROM sample WHERE id = {SAMPLES // 2}")
    await ask.list(samples_matching(ask.caller, SampleCriterion(size=(size, size + 1)), ALWAYS))


async def samples_by_a_part_of_a_name(ask: Question) -> None:
    name = await ask.db.fetchval(f"SELECT file_name FROM submission WHERE sample_id = {SAMPLES // 2}")
    found = SubmissionCriterion(file_name_like=[[name[:12], ""]])
    await ask.list(samples_matching(ask.caller, SampleCriterion(submissions=[found]), ALWAYS))


async def submissions_by_a_common_keyword(ask: Question) -> None:
    wanted = SubmissionSearch(
        keywords=Keywords((read_keyword("faktura"),), frozenset(KEYWORD_FIELDS), every=False)
    )
    await ask.list(submissions_matching(ask.caller, wanted, ALWAYS))


async def samples_like_a_sample(ask: Question) -> None:
    sha256 = await ask.db.fetchval(f"SELECT sha256 FROM sample WHERE id = {RELATED // 2}")
    sample = await get_known(ask.db, sha256)
    async with ask.db.transaction():
        await similar_to(ask.db, ask.caller, sample, Glances(ask.caller), furthest=FURTHEST, most=100)


def word(text: str) -> Keywords:
    return Keywords((read_keyword(text),), ANY_FIELD, every=False)


HOT = (
    newest_jobs, unfinished_jobs, jobs_of_a_week_and_customer, jobs_of_a_sample, a_page_of_jobs_of_a_worker, a_page_of_jobs_of_a_type, a_job_with_its_tasks, a_claim,
    a_submission, the_end_of_a_task, the_sweeps_of_jobs_and_leases, a_known_sample, a_sample_by_hash, samples_by_a_common_keyword,
    samples_by_an_absent_keyword, samples_by_one_file_name, samples_by_metadata, samples_by_verdict, samples_by_size, samples_by_a_part_of_a_name,
    samples_by_sub_criteria, submissions_by_a_common_keyword, samples_like_a_sample,
)  # fmt: skip


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
