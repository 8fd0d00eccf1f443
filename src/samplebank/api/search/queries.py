"""Searches by a query as people write queries, such as `type:pebin score:70.. -tag:family:Emotet`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated, Final

import msgspec
from litestar import Response, get, post
from msgspec import Meta, structs

from samplebank.accounts.model import Permission
from samplebank.api.call import Call
from samplebank.api.cursors import After
from samplebank.api.jobs import JobResponse, JobSearchRequest, JobSort, read_filter, show_job
from samplebank.api.samples import SampleMetaData, show_sample
from samplebank.api.search.criteria import (
    MOST_CRITERIA,
    Choice,
    Criteria,
    Listed,
    Reader,
    SubmissionCriteria,
    VerdictSearchRequest,
)
from samplebank.api.search.samples import LONG_LISTS, SampleSearchSubCriteriaRequest, Sort, read_parameters
from samplebank.api.search.weight import check_weight
from samplebank.audit.model import Kind
from samplebank.database import Page
from samplebank.database.listing import OrderedListing
from samplebank.errors import Invalid, Violation
from samplebank.http.exchange import Exchange
from samplebank.http.operation import EXTENSIONS, operation
from samplebank.http.shapes import Body, Limit, NoQuery, unless_given
from samplebank.http.streaming import Streamed
from samplebank.jobs.listing import jobs_matching
from samplebank.jobs.model import Job
from samplebank.query import jobs, samples
from samplebank.query.documents import Document
from samplebank.query.mistakes import BadQuery, Mistake
from samplebank.query.parsing import LONGEST, parse
from samplebank.query.places import place_of
from samplebank.query.tree import Query
from samplebank.samples.derived_facts import digest_of
from samplebank.search.rows import DerivedCriterion
from samplebank.search.sample_listing import SampleListing
from samplebank.search.samples import SampleCriterion, samples_matching
from samplebank.search.window import IndexWindow
from samplebank.timespec import Millis

#: a query finds samples of any age
EVER: Final = IndexWindow(0)
#: the field of a request that has the query, but in requests for something else than a search
FIELD: Final = "q"
MANY_PARTS: Final = (
    f"The query has more than {MOST_CRITERIA} parts, each of which is looked for by itself. "
    "Hashes beside one another are one part: write lists of hashes without OR and without parentheses."
)
Text = Annotated[
    str, Meta(max_length=LONGEST, description="The query, as docs/query.md of the source describes queries.")
]


class QueriedSubmission(SubmissionCriteria):
    file_name_like: Listed[list[str]] | None = None


class QueriedVerdict(VerdictSearchRequest):
    assessment: Listed[str] | None = None


class QueriedDerived(Choice, kw_only=True):
    """A value of a kind that workers derive from the bytes of samples."""

    key: Listed[str]
    value: Listed[str]


class QueriedSample(SampleSearchSubCriteriaRequest):
    """What a query asks for: the fields of an advanced search, and sub-criteria within sub-criteria."""

    submission: Criteria[QueriedSubmission] | None = None  # type: ignore[assignment]  # with one field more
    verdict: Criteria[QueriedVerdict] | None = None  # type: ignore[assignment]  # with one field more
    derived: Criteria[QueriedDerived] | None = None
    size: tuple[int | None, int | None] = (None, None)
    sub_criteria: Criteria["QueriedSample"] | None = None


class SampleQuery(Body):
    q: Text = ""
    limit: Limit = 25
    after: After | None = None
    sort_by: Annotated[list[Sort] | None, unless_given(["-sampleCreatedTimestamp"])] = None


class JobQuery(Body):
    q: Text = ""
    limit: Limit = 25
    after: After | None = None
    sort_by: Annotated[list[JobSort] | None, unless_given(["-enqueuedTimestamp"])] = None


class QueriedJobs(JobSearchRequest):
    """What a query asks for: the fields of a search for jobs, and more."""

    worker: Listed[str] | None = None
    type: Listed[str] | None = None


class SampleQueryRequest(SampleQuery):
    """The query as a body, for lists of hashes that no address holds."""


class JobQueryRequest(JobQuery):
    """The query as a body, for lists of hashes that no address holds."""


@get(
    f"{EXTENSIONS}/query/samples",
    opt=operation("querySamples", Permission.VIEW_SAMPLES, query=SampleQuery, answers=list[SampleMetaData]),
)
async def query_samples(request: Call) -> Response[bytes] | Streamed:
    """List the samples that a query finds, newest first unless sorted otherwise. A mistake is told with its place in the query."""
    return await _answer_samples(request, request.read_query(SampleQuery))


@post(
    f"{EXTENSIONS}/query/samples",
    opt=operation(
        "querySamplesByBody",
        Permission.VIEW_SAMPLES,
        query=NoQuery,
        body=SampleQueryRequest,
        answers=list[SampleMetaData],
        act=Kind.READ,
    ),
)
async def query_samples_by_body(request: Call) -> Response[bytes] | Streamed:
    """List samples as querySamples does."""
    document = await request.document(SampleQueryRequest, extra=LONG_LISTS)
    request.read_query(NoQuery)
    return await _answer_samples(request, document.read(request.now))


async def _answer_samples(request: Call, asked: SampleQuery) -> Response[bytes] | Streamed:
    listing = samples_of(request, asked.q, asked.sort_by or ())
    return await request.show_list_behind(
        listing, Page(asked.limit), show_sample, asked=asked, after=asked.after
    )


@get(
    f"{EXTENSIONS}/query/jobs",
    opt=operation("queryJobs", Permission.VIEW_JOBS, query=JobQuery, answers=list[JobResponse]),
)
async def query_jobs(request: Call) -> Response[bytes] | Streamed:
    """List the jobs that a query finds, newest first unless sorted otherwise. A mistake is told with its place in the query."""
    return await _answer_jobs(request, request.read_query(JobQuery))


@post(
    f"{EXTENSIONS}/query/jobs",
    opt=operation(
        "queryJobsByBody",
        Permission.VIEW_JOBS,
        query=NoQuery,
        body=JobQueryRequest,
        answers=list[JobResponse],
        act=Kind.READ,
    ),
)
async def query_jobs_by_body(request: Call) -> Response[bytes] | Streamed:
    """List jobs as queryJobs does."""
    document = await request.document(JobQueryRequest, extra=LONG_LISTS)
    request.read_query(NoQuery)
    return await _answer_jobs(request, document.read(request.now))


async def _answer_jobs(request: Call, asked: JobQuery) -> Response[bytes] | Streamed:
    listing = jobs_of(request, asked.q, asked.sort_by or ())
    return await request.show_list_behind(
        listing, Page(asked.limit), show_job, asked=asked, after=asked.after
    )


def samples_of(
    request: Exchange, text: str, sort: Sequence[str] = (), *, field: str = FIELD
) -> SampleListing:
    """The samples that a query finds. Raises `Invalid` with every mistake and its place in the `field` of the request."""
    query, document = _read_text(text, samples.document_of, request.now, field)
    reader = Reader(request.caller, request.bank.directory, request.now)
    try:
        wanted = msgspec.convert(document, QueriedSample)
    except msgspec.ValidationError as error:
        # a document of a query has the right shape, and may have too many entries
        raise Invalid(Violation(MANY_PARTS, f"{field}[0:{len(text)}]")) from error
    check_weight(wanted, reader.violations)
    criterion = _read(reader, wanted)
    if reader.violations:
        raise Invalid(*_placed(reader.violations, query, document, field))
    return samples_matching(request.caller, criterion, EVER, sort)


def jobs_of(request: Exchange, text: str, sort: Sequence[str] = ()) -> OrderedListing[Job]:
    """The jobs that a query finds. Raises `Invalid` with every mistake and its place."""
    query, document = _read_text(text, jobs.document_of, request.now, FIELD)
    wanted = msgspec.convert(document, QueriedJobs)
    try:
        found = read_filter(wanted, request.caller, request.bank.directory, request.now)
    except Invalid as error:
        raise Invalid(*_placed(error.violations, query, document, FIELD)) from error
    found = structs.replace(found, workers=wanted.worker, types=wanted.type)
    return jobs_matching(request.caller, found, sort or ("-enqueuedTimestamp",))


def _read_text(
    text: str, document_of: Callable[[Query, Millis], Document], now: Millis, field: str
) -> tuple[Query, Document]:
    try:
        query = parse(text)
        return query, document_of(query, now)
    except BadQuery as error:
        raise Invalid(*(violation_of(mistake, field) for mistake in error.mistakes)) from error


def _read(reader: Reader, wanted: QueriedSample, at: str = "") -> SampleCriterion:
    inner = [
        _read(reader, each, f"{at}subCriteria[{position}].")
        for position, each in enumerate(wanted.sub_criteria or ())
    ]
    return structs.replace(
        read_parameters(reader, wanted, at),
        size=wanted.size,
        derived=[_derived(each) for each in wanted.derived or ()],
        sub_criteria=inner,
    )


def _derived(wanted: QueriedDerived) -> DerivedCriterion:
    digests = [digest_of(kind, value) for kind in wanted.key for value in wanted.value]
    return DerivedCriterion(required=wanted.required, exclude=wanted.exclude, digest=digests)


def violation_of(mistake: Mistake, field: str) -> Violation:
    """The mistake as a violation: `q[5:9]` is from the character 5 of the field `q` to before the character 9."""
    return Violation(mistake.message, f"{field}[{mistake.start}:{mistake.end}]")


def _placed(
    violations: Iterable[Violation], query: Query, document: Document, field: str
) -> Iterator[Violation]:
    """What was refused of the document, with the places in the query."""
    for violation in violations:
        start, end = place_of(query, document, violation.field or "")
        yield structs.replace(violation, field=f"{field}[{start}:{end}]")


ROUTES = [query_samples, query_samples_by_body, query_jobs, query_jobs_by_body]
