"""The hot questions to the database: what the service asks for each request, claim and page."""

import secrets
import time
from typing import Any
from uuid import UUID

from bench.tenants import Tenants

from kit.rules import RULES
from samplebank.accounts.caller import Caller, Scope, of_customer
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Page
from samplebank.database.listing import Listing
from samplebank.database.times import TimeRange
from samplebank.endings import leases, timeouts
from samplebank.endings.updates import update_task
from samplebank.jobs import claims
from samplebank.jobs.listing import JOB_TIMES, JobFilter, jobs_matching
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
from samplebank.search.samples import SampleCriterion, samples_matching
from samplebank.search.sets import DIGESTS, KEYWORD_KINDS
from samplebank.search.similar import similar_to
from samplebank.search.submissions import KEYWORD_FIELDS, SubmissionSearch, submissions_matching
from samplebank.search.window import IndexWindow
from samplebank.submissions import challenge
from samplebank.submissions.intake import Token, submit
from samplebank.submissions.model import COLUMNS, NewSubmission
from search.conftest import RELATED, SAMPLES

PAGE = Page(25)
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
