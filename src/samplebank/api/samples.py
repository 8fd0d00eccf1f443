"""Samples: upload, metadata, reanalysis."""

from functools import partial
from typing import Any, Literal
from uuid import UUID

from litestar import get, post, put

from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api import envelope
from samplebank.api.call import Call
from samplebank.api.classifications import ClassificationResponse, await_classification
from samplebank.api.envelope import Answer
from samplebank.api.jobs import JobResponse, SampleInfo, show_job
from samplebank.api.repeated_requests import once
from samplebank.api.uploads import kept_sample
from samplebank.api.verdicts import VerdictResponse, show_verdict
from samplebank.blobs import Digests
from samplebank.database import TRUE
from samplebank.database.signals import Signal
from samplebank.errors import invalid
from samplebank.http.known_files import known_to
from samplebank.http.operation import V2, operation
from samplebank.http.repeats import key_of
from samplebank.http.shapes import Int64, NoQuery, Shown, Unique
from samplebank.jobs.lanes import Lane, shift_of
from samplebank.jobs.model import Job
from samplebank.jobs.opening import open_again
from samplebank.policy.plan import plan_for
from samplebank.policy.rules import read_version
from samplebank.samples.catalogue import is_stored
from samplebank.samples.model import Sample, read_sha256
from samplebank.search.overview import Overview, get_overview
from samplebank.submissions import reanalysis, replanning
from samplebank.submissions.receiving import plan_upload, receive
from samplebank.timespec import Millis

Flag = Literal[
    "exceededMaxSearchableSubmissions",
    "exceededMaxSearchableLinks",
    "exceededMaxSearchableAnalyses",
    "exceededMaxSearchableStaticFacts",
    "deleted",
]


class ChallengeTokenResponse(Shown):
    id: UUID
    sha256: str


class SampleCompleteUploadResponse(Shown):
    sample: SampleInfo
    exists: bool
    challenge: ChallengeTokenResponse

    # No field here has a default, because fields that equal their default are left out of answers. `exists` is said
    # even when false.


class SampleMetaData(Shown):
    sha256: str
    size: Int64
    created_timestamp: int
    flags: Unique[Flag]
    md5: str | None = None
    sha1: str | None = None
    sha512: str | None = None
    deleted_timestamp: int | None = None
    first_observed_timestamp: int | None = None
    last_observed_timestamp: int | None = None
    first_submitted_timestamp: int | None = None
    last_submitted_timestamp: int | None = None
    latest_classification: ClassificationResponse | None = None
    latest_verdict: VerdictResponse | None = None


@post(
    f"{V2}/sample",
    opt=operation(
        "addSample",
        Permission.SUBMIT_SAMPLE,
        query=NoQuery,
        answers=SampleCompleteUploadResponse,
        also={201: SampleCompleteUploadResponse},
        raw_body=True,
        keyed=True,
    ),
)
async def upload(request: Call) -> Answer:
    """Store the bytes of the body. A new sample answers 201, a known sample 200."""
    key = key_of(request)
    request.read_query(NoQuery)
    async with kept_sample(request, key=key) as digests:
        return await once(
            request, key, digests.sha256, partial(_receive, request, digests, is_keyed=key is not None)
        )


async def _receive(request: Call, digests: Digests, *, is_keyed: bool) -> Answer:
    bank, user = request.bank, request.caller.user
    now = bank.clock()
    upload = plan_upload(
        digests,
        customer_id=user.customer.id,
        user_id=user.id,
        key_id=request.caller.key_id,
        expiry=now + 1000 * bank.settings.challenge_ttl,
        now=now,
    )
    known = known_to(request.caller, bank.settings)
    # A request with a key has a transaction of its own.
    is_new = None if is_keyed or known is not TRUE else await bank.receiving.run(upload)
    is_told_new = False
    if is_new is None:
        async with bank.database.connection() as db:
            is_told_new = known is not TRUE and not await is_stored(db, digests.sha256, known)
            is_new = await receive(db, upload)
    if is_new:
        bank.signals.send(Signal.UNCLASSIFIED)
    sha256 = digests.sha256.hex()
    exists = not is_new and not is_told_new
    answer = SampleCompleteUploadResponse(
        sample=SampleInfo(sha256, digests.size),
        exists=exists,
        challenge=ChallengeTokenResponse(upload.token, sha256),
    )
    return envelope.single(answer, 200 if exists else 201)


@get(
    f"{V2}/sample/{{sha256:str}}",
    opt=operation("getSampleMetaData", Permission.VIEW_SAMPLES, query=NoQuery, answers=SampleMetaData),
)
async def get_sample(request: Call) -> Answer:
    """Get the metadata of the sample, gathered from the submissions that the caller may see."""
    sha256 = read_sha256(request.path("sha256"))
    async with request.bank.database.connection() as db:
        overview = await get_overview(db, request.caller, sha256)
    request.read_query(NoQuery)
    return await request.show(overview, show_sample)


@put(
    f"{V2}/sample/{{sha256:str}}/reanalyse",
    opt=operation("reanalyseSample", Permission.REANALYSE, query=NoQuery, answers=JobResponse),
)
async def reanalyse(request: Call) -> Answer:
    """Start a new job for the sample, or answer an unfinished job with the same workers."""
    sample = await request.visible_sample(Permission.REANALYSE)
    request.read_query(NoQuery)
    return await request.show(await analyse_again(request, sample), show_job)


async def analyse_again(request: Call, sample: Sample) -> Job:
    """Open a job for a sample that is there already, or find an unfinished job with the same workers. Raises `Invalid`."""
    bank = request.bank
    await _await_file_type(request, sample)
    async with bank.database.transaction() as db:
        cause, subject = await reanalysis.cause_of(db, request.caller, sample)
        book = await bank.policies.current(db, await read_version(db))
        chosen = plan_for(subject, book)
        if not chosen.workers:
            raise invalid(
                "workers", "The policy selects no worker for this sample, so there is nothing to run."
            )
        shift = _place_in_line(request, cause.customer_id)
        job, is_new = await open_again(db, cause, chosen, book, shift=shift, now=request.now)
        await request.record(db, sha256=sample.sha256, details={"job": str(job.id)})
        if subject.type is None and book.looks_at_classification:
            await replanning.mark(db, cause, job.id)
    if is_new:
        bank.signals.send(Signal.TASKS)
        bank.signals.tell(job.id)
    return job


def _place_in_line(request: Call, customer_id: int) -> Millis:
    """Somebody waits for the job. For a customer whom the caller does not work for, the customer's own tasks go first."""
    lane = Lane.WAITING if request.caller.may(Permission.REANALYSE, customer_id) else Lane.BULK
    return shift_of(lane, request.bank.job_rules.longest_wait)


async def _await_file_type(request: Call, sample: Sample) -> None:
    """Wait a moment for the file type of a new sample, where the policy looks at file types."""
    bank = request.bank
    async with bank.database.connection() as db:
        book = await bank.policies.current(db, await read_version(db))
    if book.looks_at_classification:
        await await_classification(request, sample.id, bank.settings.classification_wait)


def show_sample(row: Overview, directory: Directory) -> SampleMetaData:
    classification: Any = None
    if row.type is not None:
        classification = ClassificationResponse(
            type=row.type,
            super_type=row.super_type or "",
            version=row.version or "",
            meta_data=row.meta_data or {},
            arch=row.arch,
            platform=row.platform,
        )
    return SampleMetaData(
        sha256=row.sha256.hex(),
        size=row.size,
        created_timestamp=row.created_time,
        flags=["deleted"] if row.deleted_time is not None else [],
        md5=_hex(row.md5),
        sha1=_hex(row.sha1),
        sha512=_hex(row.sha512),
        deleted_timestamp=row.deleted_time,
        first_observed_timestamp=row.first_observed,
        last_observed_timestamp=row.last_observed,
        first_submitted_timestamp=row.first_submitted,
        last_submitted_timestamp=row.last_submitted,
        latest_classification=classification,
        latest_verdict=None if row.verdict is None else show_verdict(row.verdict, directory),
    )


def _hex(digest: bytes | None) -> str | None:
    return None if digest is None else digest.hex()


ROUTES = [upload, get_sample, reanalyse]
