"""Jobs: list, search, fetch."""

from typing import Annotated, Literal
from uuid import UUID

from litestar import Response, get, post
from msgspec import Meta

from samplebank.accounts.caller import Caller
from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.api.people import CustomerInfo
from samplebank.audit.model import Kind
from samplebank.database import Page
from samplebank.database.listing import OrderedListing
from samplebank.database.times import TimeRange
from samplebank.errors import Violations
from samplebank.http.operation import V2, operation
from samplebank.http.reader import customers_to_filter, read_range
from samplebank.http.shapes import (
    Body,
    Int64,
    Limit,
    NoQuery,
    Offset,
    PageQuery,
    Several,
    Shown,
    Time,
    Unique,
    unless_given,
)
from samplebank.http.streaming import Streamed
from samplebank.jobs import listing, queries
from samplebank.jobs.listing import JOB_TIMES, JobFilter
from samplebank.jobs.model import Job
from samplebank.samples.model import SHA256, pasted
from samplebank.timespec import Millis

State = Literal["enqueued", "executing", "done", "timeout"]
JobSort = Literal[
    "enqueuedTimestamp",
    "state",
    "startTimestamp",
    "endTimestamp",
    "-enqueuedTimestamp",
    "-state",
    "-startTimestamp",
    "-endTimestamp",
]
#: the most samples, and the most customers, that a search names
MOST_SAMPLES = 10_000
TimeField = Literal["enqueuedTimestamp", "startTimestamp", "endTimestamp", "all"]


class SampleInfo(Shown):
    id: str
    size: Int64


class JobInfo(Shown):
    id: UUID
    state: State


class JobResponse(Shown):
    id: UUID
    state: State
    analysed_sample: SampleInfo
    customer: CustomerInfo
    enqueued_timestamp: int
    start_timestamp: int | None = None
    end_timestamp: int | None = None


class JobListQuery(PageQuery):
    sort_by: Annotated[list[JobSort] | None, unless_given(["-enqueuedTimestamp"])] = None
    state: Unique[State] | None = None


class JobSearchRequest(Body):
    limit: Limit = 25
    offset: Offset = 0
    sort_by: Annotated[list[JobSort] | None, unless_given(["enqueuedTimestamp"])] = None
    state: Several[State] | None = None
    sample_sha256: Annotated[list[str], Meta(max_length=MOST_SAMPLES)] | None = None
    customer: Annotated[list[int | str], Meta(max_length=MOST_SAMPLES)] | None = None
    start_timestamp: Time = None
    end_timestamp: Time = None
    time_field_strategy: Annotated[Several[TimeField] | None, unless_given(["all"])] = None
    time_match_strategy: Annotated[Literal["all", "any"] | None, unless_given("any")] = None


def show_job(job: Job, directory: Directory) -> JobResponse:
    customer = CustomerInfo.of(directory.customer(job.customer_id))
    sample = SampleInfo(job.sha256.hex(), job.size)
    state: State = job.state  # type: ignore[assignment]  # the database checks it
    return JobResponse(
        id=job.id,
        state=state,
        analysed_sample=sample,
        customer=customer,
        enqueued_timestamp=job.enqueued_time,
        start_timestamp=job.start_time,
        end_timestamp=job.end_time,
    )


@get(
    f"{V2}/job",
    opt=operation("listJobs", Permission.VIEW_JOBS, query=JobListQuery, answers=list[JobResponse]),
)
async def list_jobs(request: Call) -> Response[bytes] | Streamed:
    """List the jobs that the caller may see, newest first unless sorted otherwise."""
    query = request.read_query(JobListQuery)
    return await request.show_list(listing_of(request, query), query.page(), show_job)


def listing_of(request: Call, query: JobListQuery) -> OrderedListing[Job]:
    """The jobs of a list."""
    states = JobFilter(states=query.state or None)
    return listing.jobs_matching(request.caller, states, query.sort_by or ["-enqueuedTimestamp"])


@post(
    f"{V2}/job/search",
    opt=operation(
        "searchJobs",
        Permission.VIEW_JOBS,
        query=NoQuery,
        body=JobSearchRequest,
        answers=list[JobResponse],
        act=Kind.READ,
    ),
)
async def search_jobs(request: Call) -> Response[bytes] | Streamed:
    """List the jobs that match every given filter, oldest first unless sorted otherwise."""
    document = await request.document(JobSearchRequest)
    request.read_query(NoQuery)
    wanted = document.read(request.now)
    page = Page(wanted.limit, wanted.offset)
    return await request.show_list(matching(request, wanted), page, show_job)


def matching(request: Call, wanted: JobSearchRequest) -> OrderedListing[Job]:
    """The jobs of a search. Raises `Invalid` with every violation."""
    filter_ = read_filter(wanted, request.caller, request.bank.directory, request.now)
    return listing.jobs_matching(request.caller, filter_, wanted.sort_by or ["enqueuedTimestamp"])


@get(
    f"{V2}/job/{{job_id:str}}",
    opt=operation("getJob", Permission.VIEW_JOBS, query=NoQuery, answers=JobResponse),
)
async def get_job(request: Call) -> Answer:
    job = await visible_job(request)
    request.read_query(NoQuery)
    return await request.show(job, show_job)


async def visible_job(request: Call) -> Job:
    async with request.bank.database.connection() as db:
        return await queries.get_visible_job(db, request.caller, request.path("job_id"), Permission.VIEW_JOBS)


def read_filter(wanted: JobSearchRequest, caller: Caller, directory: Directory, now: Millis) -> JobFilter:
    """Read the filter of a search. Raises `Invalid` with every violation."""
    violations = Violations()
    start, end = read_range(violations, wanted.start_timestamp, wanted.end_timestamp, now)
    customers = customers_to_filter(
        violations, wanted.customer or None, caller, directory, Permission.VIEW_JOBS
    )
    samples = [pasted(sha256) for sha256 in wanted.sample_sha256 or ()]
    for position, sha256 in enumerate(samples):
        if not SHA256.fullmatch(sha256):
            violations.add(f"sampleSha256[{position}]", f"{sha256[:100]!r} is not a SHA-256.")
    violations.raise_if_any()
    names = set(wanted.time_field_strategy or ["all"])
    fields = tuple(column for name, column in JOB_TIMES.items() if name in names or "all" in names)
    return JobFilter(
        states=wanted.state or None,
        samples=[bytes.fromhex(sha256) for sha256 in samples] or None,
        customers=customers,
        times=TimeRange(start=start, end=end, fields=fields, every=wanted.time_match_strategy == "all"),
    )


ROUTES = [list_jobs, search_jobs, get_job]
