"""Search for submissions: simple by keywords, advanced by everything that a submission says."""

from typing import Annotated, Literal
from uuid import UUID

from litestar import Response, get, post
from msgspec import structs

from samplebank.accounts.model import Permission
from samplebank.api.call import Call
from samplebank.api.people import Tlp
from samplebank.api.search.criteria import (
    END,
    START,
    Criteria,
    Listed,
    MetaDataSearchRequest,
    Reader,
    Reference,
    Strategy,
    SubmissionFlag,
    UserAgentCriteria,
    Value,
    Word,
    as_criteria,
)
from samplebank.api.search.weight import check_weight
from samplebank.api.submissions import SubmissionResponse, show_submission
from samplebank.audit.model import Kind
from samplebank.database import Page
from samplebank.database.listing import OrderedListing
from samplebank.http.operation import V2, operation
from samplebank.http.shapes import Body, Limit, NoQuery, PageQuery, SearchOffset, Time, unless_given
from samplebank.http.streaming import Streamed
from samplebank.search import rows
from samplebank.search.paths import PathCriterion
from samplebank.search.submissions import (
    KEYWORD_FIELDS,
    TIMES,
    SubmissionSearch,
    submissions_matching,
)
from samplebank.submissions.model import Submission

Sort = Literal[
    "fileName",
    "mimeType",
    "expiryTimestamp",
    "observedTimestamp",
    "submittedTimestamp",
    "-fileName",
    "-mimeType",
    "-expiryTimestamp",
    "-observedTimestamp",
    "-submittedTimestamp",
]
KeywordField = Literal["all", "id", "sampleSha256", "fileName", "mimeType", "metaData", "tlp", "userAgent"]
TimeField = Literal["all", "submittedTimestamp", "observedTimestamp", "expiryTimestamp"]


class SubmissionSearchQuery(PageQuery):
    sort_by: Annotated[list[Sort] | None, unless_given(["-observedTimestamp"])] = None
    index_start_timestamp: Time = START
    index_end_timestamp: Time = END
    keywords: Listed[Word] | None = None
    keyword_field_strategy: Annotated[Listed[KeywordField] | None, unless_given(["all"])] = None
    keyword_match_strategy: Strategy = "any"


class SubmissionParameters(Body):
    """The filters of a search, and of each sub-criterion."""

    id: Listed[UUID] | None = None
    sample_sha256: Listed[Value] | None = None
    file_name: Listed[Value] | None = None
    mime_type: Listed[Value] | None = None
    customer: Listed[Reference] | None = None
    tlp: Listed[Tlp] | None = None
    user_agent: Criteria[UserAgentCriteria] | None = None
    meta_data: Criteria[MetaDataSearchRequest] | None = None
    include_flags: Listed[SubmissionFlag] | None = None
    exclude_flags: Listed[SubmissionFlag] | None = None
    start_timestamp: Time = None
    end_timestamp: Time = None
    time_field_strategy: Listed[TimeField] | None = None
    time_match_strategy: Strategy = "any"
    keywords: Listed[Word] | None = None
    keyword_field_strategy: Annotated[Listed[KeywordField] | None, unless_given(["all"])] = None
    keyword_match_strategy: Strategy = "all"


class SubmissionSearchSubCriteriaRequest(SubmissionParameters):
    """A sub-criterion has no sub-criteria."""

    required: bool = False
    exclude: bool = False


class SubmissionCriteriaRequest(SubmissionParameters):
    """The filters with the index window and the sub-criteria, as search and statistics share them."""

    index_start_timestamp: Time = START
    index_end_timestamp: Time = END
    sub_criteria: Criteria[SubmissionSearchSubCriteriaRequest] | None = None


class SubmissionSearchRequest(SubmissionCriteriaRequest):
    limit: Limit = 25
    offset: SearchOffset = 0
    sort_by: list[Sort] | None = None


@get(
    f"{V2}/submission",
    opt=operation(
        "submissionSimpleSearch",
        Permission.VIEW_SUBMISSION,
        query=SubmissionSearchQuery,
        answers=list[SubmissionResponse],
    ),
)
async def search_simply(request: Call) -> Response[bytes] | Streamed:
    """List the submissions in which a keyword occurs, latest observed first unless sorted otherwise."""
    query = request.read_query(SubmissionSearchQuery)
    return await request.show_list(listing_of(request, query), query.page(), show_submission)


def listing_of(request: Call, query: SubmissionSearchQuery) -> OrderedListing[Submission]:
    """The submissions of a simple search. Raises `Invalid` with every violation."""
    reader = Reader(request.caller, request.bank.directory, request.now)
    window = reader.window(query.index_start_timestamp, query.index_end_timestamp)
    wanted = SubmissionSearch(keywords=reader.keywords(query, KEYWORD_FIELDS, "any"))
    reader.violations.raise_if_any()
    return submissions_matching(request.caller, wanted, window, query.sort_by or ())


@post(
    f"{V2}/submission/search",
    opt=operation(
        "submissionAdvancedSearch",
        Permission.VIEW_SUBMISSION,
        query=NoQuery,
        body=SubmissionSearchRequest,
        answers=list[SubmissionResponse],
        act=Kind.READ,
    ),
)
async def search(request: Call) -> Response[bytes] | Streamed:
    """List the submissions that match every given filter, latest observed first unless sorted otherwise."""
    document = await request.document(SubmissionSearchRequest)
    request.read_query(NoQuery)
    wanted = document.read(request.now)
    page = Page(wanted.limit, wanted.offset)
    return await request.show_list(matching(request, wanted), page, show_submission)


def matching(request: Call, wanted: SubmissionSearchRequest) -> OrderedListing[Submission]:
    """The submissions of an advanced search. Raises `Invalid` with every violation."""
    reader = Reader(request.caller, request.bank.directory, request.now)
    window = reader.window(wanted.index_start_timestamp, wanted.index_end_timestamp)
    criterion = read_criteria(reader, wanted)
    reader.violations.raise_if_any()
    return submissions_matching(request.caller, criterion, window, wanted.sort_by or ())


def read_criteria(reader: Reader, wanted: SubmissionCriteriaRequest) -> SubmissionSearch:
    """Read the criterion of the request, with the sub-criteria."""
    check_weight(wanted, reader.violations)
    inner = [
        read_parameters(reader, each, f"subCriteria[{position}].")
        for position, each in enumerate(wanted.sub_criteria or ())
    ]
    return structs.replace(read_parameters(reader, wanted), sub_criteria=inner)


def read_parameters(reader: Reader, wanted: SubmissionParameters, at: str = "") -> SubmissionSearch:
    reader.paths(f"{at}metaData", wanted.meta_data)
    sub = wanted if isinstance(wanted, SubmissionSearchSubCriteriaRequest) else None
    return SubmissionSearch(
        required=sub is not None and sub.required,
        exclude=sub is not None and sub.exclude,
        ids=wanted.id,
        samples=reader.digests(f"{at}sampleSha256", wanted.sample_sha256, 32),
        file_name=wanted.file_name,
        mime_type=wanted.mime_type,
        customers=reader.customers(f"{at}customer", wanted.customer, Permission.VIEW_SUBMISSION),
        tlps=list(wanted.tlp or ()),
        user_agent=as_criteria(wanted.user_agent, rows.Agent),
        meta_data=as_criteria(wanted.meta_data, PathCriterion),
        include_flags=list(wanted.include_flags or ()),
        exclude_flags=list(wanted.exclude_flags or ()),
        times=reader.times(wanted, tuple(TIMES), at, TIMES),
        keywords=reader.keywords(wanted, KEYWORD_FIELDS, "all", at),
    )


ROUTES = [search_simply, search]
