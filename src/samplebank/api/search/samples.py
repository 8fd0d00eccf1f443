"""Search for samples: simple by keywords, advanced by everything that is known of a sample."""

from collections.abc import Sequence
from typing import Annotated, Literal

from litestar import Response, get, post
from msgspec import structs

from samplebank.accounts.model import Permission
from samplebank.api.call import Call
from samplebank.api.people import Tlp
from samplebank.api.samples import SampleMetaData, show_sample
from samplebank.api.search.criteria import (
    END,
    START,
    AnalysisSearchRequest,
    ClassificationSearchRequest,
    Criteria,
    LinkSearchRequest,
    Listed,
    Reader,
    Reference,
    StaticFactSearchRequest,
    Strategy,
    SubmissionCriteria,
    Value,
    VerdictSearchRequest,
    Word,
    as_criteria,
    chosen_fields,
)
from samplebank.api.search.weight import check_weight
from samplebank.audit.model import Kind
from samplebank.database import Page
from samplebank.http.operation import V2, operation
from samplebank.http.shapes import Body, Limit, NoQuery, PageQuery, SearchOffset, Time, unless_given
from samplebank.http.streaming import Streamed
from samplebank.search import rows
from samplebank.search.sample_listing import SampleListing
from samplebank.search.samples import SampleCriterion, Users, samples_matching
from samplebank.search.sets import DIGESTS, KEYWORD_KINDS, TIME_FIELDS, USER_KINDS

#: bytes of a body that names 10,000 SHA-512 digests
LONG_LISTS = 1024**2
DIGEST_SIZES = {"md5": 16, "sha1": 20, "sha256": 32, "sha512": 64}
Sort = Literal[
    "sampleCreatedTimestamp",
    "sampleSize",
    "sampleClassificationType",
    "lastUpdatedSubmission",
    "lastUpdatedAnalysis",
    "lastUpdatedLink",
    "lastAddedSubmission",
    "lastAddedAnalysis",
    "lastAddedLink",
    "-sampleCreatedTimestamp",
    "-sampleSize",
    "-sampleClassificationType",
    "-lastUpdatedSubmission",
    "-lastUpdatedAnalysis",
    "-lastUpdatedLink",
    "-lastAddedSubmission",
    "-lastAddedAnalysis",
    "-lastAddedLink",
]
KeywordField = Literal[
    "all",
    "sha256",
    "sha512",
    "sha1",
    "md5",
    "submission",
    "analysis",
    "link",
    "classification",
    "verdict",
    "fact",
]
TimeField = Literal[
    "all",
    "sampleCreated",
    "classificationCreated",
    "submissionCreated",
    "submissionObserved",
    "submissionExpiry",
    "firstSubmitted",
    "lastSubmitted",
    "analysisCreated",
    "linkCreated",
]
UserField = Literal["all", "submittedByUser", "analysedByUser", "linkedByUser"]


class SampleSearchQuery(PageQuery):
    offset: SearchOffset = 0
    sort_by: Annotated[list[Sort] | None, unless_given(["-sampleCreatedTimestamp"])] = None
    index_start_timestamp: Time = START
    index_end_timestamp: Time = END
    keywords: Listed[Word] | None = None
    keyword_field_strategy: Annotated[Listed[KeywordField] | None, unless_given(["all"])] = None
    keyword_match_strategy: Strategy = "any"


class SampleParameters(Body):
    """The filters of a search, and of each sub-criterion."""

    sha256: Listed[Value] | None = None
    sha512: Listed[Value] | None = None
    sha1: Listed[Value] | None = None
    md5: Listed[Value] | None = None
    customer: Listed[Reference] | None = None
    tlp: Listed[Tlp] | None = None
    user: Listed[Reference] | None = None
    user_field_strategy: Listed[UserField] | None = None
    user_match_strategy: Strategy | None = None
    start_timestamp: Time = None
    end_timestamp: Time = None
    time_field_strategy: Listed[TimeField] | None = None
    time_match_strategy: Strategy | None = None
    keywords: Listed[Word] | None = None
    keyword_field_strategy: Listed[KeywordField] | None = None
    keyword_match_strategy: Strategy | None = None
    submission: Criteria[SubmissionCriteria] | None = None
    analysis: Criteria[AnalysisSearchRequest] | None = None
    link: Criteria[LinkSearchRequest] | None = None
    classification: Criteria[ClassificationSearchRequest] | None = None
    verdict: Criteria[VerdictSearchRequest] | None = None
    fact: Criteria[StaticFactSearchRequest] | None = None


class SampleSearchSubCriteriaRequest(SampleParameters):
    """A sub-criterion has no sub-criteria."""

    required: bool | None = None
    exclude: bool | None = None


class SampleCriteria(SampleParameters):
    """Everything that decides which samples match."""

    index_start_timestamp: Time = START
    index_end_timestamp: Time = END
    sub_criteria: Criteria[SampleSearchSubCriteriaRequest] | None = None


class SampleSearchRequest(SampleCriteria):
    limit: Limit = 25
    offset: SearchOffset = 0
    sort_by: list[Sort] | None = None


@get(
    f"{V2}/sample",
    opt=operation(
        "simpleSearch", Permission.VIEW_SAMPLES, query=SampleSearchQuery, answers=list[SampleMetaData]
    ),
)
async def search_simply(request: Call) -> Response[bytes] | Streamed:
    """List the samples in which a keyword occurs, newest first unless sorted otherwise."""
    query = request.read_query(SampleSearchQuery)
    return await request.show_list(listing_of(request, query), query.page(), show_sample)


def listing_of(request: Call, query: SampleSearchQuery) -> SampleListing:
    """The samples of a simple search. Raises `Invalid` with every violation."""
    reader = Reader(request.caller, request.bank.directory, request.now)
    window = reader.window(query.index_start_timestamp, query.index_end_timestamp)
    wanted = SampleCriterion(keywords=reader.keywords(query, (*DIGESTS, *KEYWORD_KINDS), "any"))
    reader.violations.raise_if_any()
    return samples_matching(request.caller, wanted, window, query.sort_by or ())


@post(
    f"{V2}/sample/search",
    opt=operation(
        "advancedSearch",
        Permission.VIEW_SAMPLES,
        query=NoQuery,
        body=SampleSearchRequest,
        answers=list[SampleMetaData],
        act=Kind.READ,
    ),
)
async def search(request: Call) -> Response[bytes] | Streamed:
    """List the samples that match every given filter, newest first unless sorted otherwise."""
    document = await request.document(SampleSearchRequest, extra=LONG_LISTS)
    request.read_query(NoQuery)
    wanted = document.read(request.now)
    page = Page(wanted.limit, wanted.offset)
    return await request.show_list(matching(request, wanted, wanted.sort_by or ()), page, show_sample)


def matching(request: Call, wanted: SampleCriteria, sort: Sequence[str] = ()) -> SampleListing:
    """The samples of an advanced search. Raises `Invalid` with every violation."""
    reader = Reader(request.caller, request.bank.directory, request.now)
    window = reader.window(wanted.index_start_timestamp, wanted.index_end_timestamp)
    check_weight(wanted, reader.violations)
    inner = [
        read_parameters(reader, each, f"subCriteria[{position}].")
        for position, each in enumerate(wanted.sub_criteria or ())
    ]
    criterion = structs.replace(read_parameters(reader, wanted), sub_criteria=inner)
    reader.violations.raise_if_any()
    return samples_matching(request.caller, criterion, window, sort)


def read_parameters(reader: Reader, wanted: SampleParameters, at: str = "") -> SampleCriterion:
    """Read the criterion of the request, or of the sub-criterion at the path `at`."""
    check_paths(reader, wanted, at)
    sub = wanted if isinstance(wanted, SampleSearchSubCriteriaRequest) else None
    return SampleCriterion(
        required=sub is not None and sub.required,
        exclude=sub is not None and sub.exclude,
        digests={
            name: found
            for name, size in DIGEST_SIZES.items()
            if (found := reader.digests(f"{at}{name}", getattr(wanted, name), size))
        },
        customers=reader.customers(f"{at}customer", wanted.customer, Permission.VIEW_SAMPLES),
        tlps=list(wanted.tlp or ()),
        users=read_users(reader, wanted, at),
        times=reader.times(wanted, TIME_FIELDS, at),
        keywords=reader.keywords(wanted, (*DIGESTS, *KEYWORD_KINDS), "any", at),
        submissions=as_criteria(wanted.submission, rows.SubmissionCriterion),
        analyses=as_criteria(wanted.analysis, rows.AnalysisCriterion),
        links=read_links(reader, wanted.link, at),
        classifications=as_criteria(wanted.classification, rows.ClassificationCriterion),
        verdicts=as_criteria(wanted.verdict, rows.VerdictCriterion),
        facts=as_criteria(wanted.fact, rows.FactCriterion),
    )


def read_users(reader: Reader, wanted: SampleParameters, at: str) -> Users | None:
    ids = reader.users(f"{at}user", wanted.user, Permission.VIEW_SAMPLES)
    fields = chosen_fields(wanted.user_field_strategy, tuple(USER_KINDS))
    every = wanted.user_match_strategy == "all"
    return (
        Users(ids=ids, fields=tuple(name for name in USER_KINDS if name in fields), every=every)
        if ids
        else None
    )


def read_links(
    reader: Reader, links: list[LinkSearchRequest] | None, at: str
) -> list[rows.LinkCriterion] | None:
    return [
        rows.LinkCriterion(
            required=link.required,
            exclude=link.exclude,
            link_type=list(link.link_type or ()),
            reference=reader.digests(f"{at}link[{position}].reference", link.reference, 32),
            user_agent=as_criteria(link.user_agent, rows.Agent),
        )
        for position, link in enumerate(links or ())
    ] or None


def check_paths(reader: Reader, wanted: SampleParameters, at: str) -> None:
    """Refuse criteria on metadata with neither a path nor a value."""
    for position, submission in enumerate(wanted.submission or ()):
        reader.paths(f"{at}submission[{position}].metaData", submission.meta_data)
    for position, analysis in enumerate(wanted.analysis or ()):
        reader.paths(f"{at}analysis[{position}].analysisResult", analysis.analysis_result)
    for position, classification in enumerate(wanted.classification or ()):
        reader.paths(f"{at}classification[{position}].metaData", classification.meta_data)


ROUTES = [search_simply, search]
