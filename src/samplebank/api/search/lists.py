"""The lists of the extensions: samples, submissions and jobs as the SampleDB API lists them, and cursors beside offsets."""

from litestar import Response, get, post

from samplebank.accounts.model import Permission
from samplebank.api import jobs
from samplebank.api.call import Call
from samplebank.api.cursors import After
from samplebank.api.jobs import JobListQuery, JobResponse, JobSearchRequest, show_job
from samplebank.api.samples import SampleMetaData, show_sample
from samplebank.api.search import samples, submissions
from samplebank.api.search.samples import SampleSearchQuery, SampleSearchRequest
from samplebank.api.search.submissions import SubmissionSearchQuery, SubmissionSearchRequest
from samplebank.api.submissions import SubmissionResponse, show_submission
from samplebank.audit.model import Kind
from samplebank.database import Page
from samplebank.http.operation import EXTENSIONS, operation
from samplebank.http.shapes import NoQuery
from samplebank.http.streaming import Streamed


class SampleListQuery(SampleSearchQuery):
    after: After | None = None


class SampleListRequest(SampleSearchRequest):
    after: After | None = None


class SubmissionListQuery(SubmissionSearchQuery):
    after: After | None = None


class SubmissionListRequest(SubmissionSearchRequest):
    after: After | None = None


class JobPageQuery(JobListQuery):
    after: After | None = None


class JobPageRequest(JobSearchRequest):
    after: After | None = None


@get(
    f"{EXTENSIONS}/sample",
    opt=operation(
        "listSamplesBehind", Permission.VIEW_SAMPLES, query=SampleListQuery, answers=list[SampleMetaData]
    ),
)
async def list_samples(request: Call) -> Response[bytes] | Streamed:
    """List samples as simpleSearch does. `metaData.next` is the cursor for `after` of the next page."""
    query = request.read_query(SampleListQuery)
    listing = samples.listing_of(request, query)
    return await request.show_list_behind(listing, query.page(), show_sample, asked=query, after=query.after)


@post(
    f"{EXTENSIONS}/sample/search",
    opt=operation(
        "searchSamplesBehind",
        Permission.VIEW_SAMPLES,
        query=NoQuery,
        body=SampleListRequest,
        answers=list[SampleMetaData],
        act=Kind.READ,
    ),
)
async def search_samples(request: Call) -> Response[bytes] | Streamed:
    """List samples as advancedSearch does. `metaData.next` is the cursor for `after` of the next page."""
    document = await request.document(SampleListRequest, extra=samples.LONG_LISTS)
    request.read_query(NoQuery)
    wanted = document.read(request.now)
    listing, page = samples.matching(request, wanted, wanted.sort_by or ()), Page(wanted.limit, wanted.offset)
    return await request.show_list_behind(listing, page, show_sample, asked=wanted, after=wanted.after)


@get(
    f"{EXTENSIONS}/submission",
    opt=operation(
        "listSubmissionsBehind",
        Permission.VIEW_SUBMISSION,
        query=SubmissionListQuery,
        answers=list[SubmissionResponse],
    ),
)
async def list_submissions(request: Call) -> Response[bytes] | Streamed:
    """List submissions as submissionSimpleSearch does. `metaData.next` is the cursor for `after` of the next page."""
    query = request.read_query(SubmissionListQuery)
    listing = submissions.listing_of(request, query)
    return await request.show_list_behind(
        listing, query.page(), show_submission, asked=query, after=query.after
    )


@post(
    f"{EXTENSIONS}/submission/search",
    opt=operation(
        "searchSubmissionsBehind",
        Permission.VIEW_SUBMISSION,
        query=NoQuery,
        body=SubmissionListRequest,
        answers=list[SubmissionResponse],
        act=Kind.READ,
    ),
)
async def search_submissions(request: Call) -> Response[bytes] | Streamed:
    """List submissions as submissionAdvancedSearch does. `metaData.next` is the cursor for `after` of the next page."""
    document = await request.document(SubmissionListRequest)
    request.read_query(NoQuery)
    wanted = document.read(request.now)
    listing, page = submissions.matching(request, wanted), Page(wanted.limit, wanted.offset)
    return await request.show_list_behind(listing, page, show_submission, asked=wanted, after=wanted.after)


@get(
    f"{EXTENSIONS}/job",
    opt=operation("listJobsBehind", Permission.VIEW_JOBS, query=JobPageQuery, answers=list[JobResponse]),
)
async def list_jobs(request: Call) -> Response[bytes] | Streamed:
    """List jobs as listJobs does. `metaData.next` is the cursor for `after` of the next page."""
    query = request.read_query(JobPageQuery)
    listing = jobs.listing_of(request, query)
    return await request.show_list_behind(listing, query.page(), show_job, asked=query, after=query.after)


@post(
    f"{EXTENSIONS}/job/search",
    opt=operation(
        "searchJobsBehind",
        Permission.VIEW_JOBS,
        query=NoQuery,
        body=JobPageRequest,
        answers=list[JobResponse],
        act=Kind.READ,
    ),
)
async def search_jobs(request: Call) -> Response[bytes] | Streamed:
    """List jobs as searchJobs does. `metaData.next` is the cursor for `after` of the next page."""
    document = await request.document(JobPageRequest)
    request.read_query(NoQuery)
    wanted = document.read(request.now)
    listing, page = jobs.matching(request, wanted), Page(wanted.limit, wanted.offset)
    return await request.show_list_behind(listing, page, show_job, asked=wanted, after=wanted.after)


ROUTES = [list_samples, search_samples, list_submissions, search_submissions, list_jobs, search_jobs]
