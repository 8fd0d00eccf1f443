"""Analyses: the findings of workers."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from msgspec import Meta

from samplebank.accounts.caller import readers
from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.analyses import queries, recording
from samplebank.analyses.model import Analysis, AnalysisSummary, Detection, NewAnalysis, Tag
from samplebank.api.acl import read_acl
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.api.job_tasks import AnalysisInfo
from samplebank.api.jobs import JobInfo
from samplebank.api.people import AccessControl, CustomerInfo, Tlp, UserAgent, UserAgentRequest, UserInfo
from samplebank.api.repeated_requests import repeatable
from samplebank.errors import Violation, Violations
from samplebank.http.operation import V2, operation
from samplebank.http.reader import find_customer
from samplebank.http.shapes import Body, Int32, NoQuery, PageQuery, Sentence, Several, Shown, Unique
from samplebank.http.streaming import Streamed
from samplebank.nesting import written_out
from samplebank.samples import fact_kinds
from samplebank.samples.fact_kinds import Fact

TOO_LARGE = (
    "The result has more than {most} bytes as JSON, numbers written out (1e300 in 301 digits): keep what people look at, "
    "and add the rest as evidence."
)
TagType = Literal["family", "behaviour", "yara"]
Assessment = Literal["benign", "unknown", "malicious", "informational"]
Status = Literal["malicious", "benign"]


class AnalysisTagRequest(Body):
    type: TagType
    value: Sentence


class AnalysisDetectionRequest(Body):
    name: Sentence
    assessment: Assessment


class FactRequest(Body):
    """A value that follows from the bytes of the sample, as docs/workers.md of the source describes the kinds."""

    kind: Annotated[str, Meta(max_length=50)]
    value: Annotated[str, Meta(max_length=300)]


class AnalysisAddRequest(Body):
    analysis_result: Any
    analysis_score: Annotated[int, Meta(ge=-1, le=100)]
    customer: int | str
    tlp: Tlp
    user_agent: UserAgentRequest
    acl: Unique[int | str] | None = None
    executed_with_internet_access: bool | None = None
    facts: Annotated[list[FactRequest], Meta(max_length=fact_kinds.MOST)] | None = None
    possible_detections: Int32 | None = None
    profile: Sentence | None = None
    tags: Several[AnalysisTagRequest] | None = None
    triggered_detections: Annotated[list[AnalysisDetectionRequest], Meta(max_length=1000)] | None = None
    verdict_status_override: Status | None = None


class AnalysisTagResponse(Shown):
    type: TagType
    value: str


class AnalysisDetectionResponse(Shown):
    name: str
    assessment: Assessment


class AnalysisResult(Shown):
    analysis_id: UUID = msgspec.field(name="analysisID")
    sample_sha256: str
    customer: CustomerInfo
    tlp: Tlp
    acl: list[AccessControl]
    analysis_score: int
    analysis_result: Any
    tags: Unique[AnalysisTagResponse]
    triggered_detections: list[AnalysisDetectionResponse]
    user_agent: UserAgent
    flags: Unique[Literal["executedWithInternetAccess", "hasEvidence"]]
    created_by_user: UserInfo
    created_timestamp: int
    possible_detections: int | None = None
    profile: str | None = None
    verdict_status_override: Status | None = None
    job: JobInfo | None = None


class AnalysisSummaryResponse(Shown):
    analysers: Unique[UserAgent]
    latest_analysis: AnalysisInfo | None = None


def show_analysis(row: Analysis, directory: Directory) -> AnalysisResult:
    job: Any = None if row.job_id is None else JobInfo(row.job_id, row.job_state)  # type: ignore[arg-type]
    flags: list[Any] = ["executedWithInternetAccess"] if row.internet_access else []
    if row.has_evidence:
        flags.append("hasEvidence")
    return AnalysisResult(
        analysis_id=row.id,
        sample_sha256=row.sha256.hex(),
        customer=CustomerInfo.of(directory.customer(row.customer_id)),
        tlp=row.tlp,  # type: ignore[arg-type]  # the database checks it
        acl=AccessControl.of(row.acl, row.user_id, row.created_time, directory),
        analysis_score=row.score,
        analysis_result=row.result,
        tags=[AnalysisTagResponse(**tag) for tag in row.tags],  # type: ignore[arg-type]  # checked when stored
        triggered_detections=[AnalysisDetectionResponse(**detection) for detection in row.detections],  # type: ignore[arg-type]
        user_agent=UserAgent(row.agent_name, row.agent_version),
        flags=flags,
        created_by_user=UserInfo.of(directory.subject(row.user_id)),
        created_timestamp=row.created_time,
        possible_detections=row.possible_detections,
        profile=row.profile,
        verdict_status_override=row.status_override,  # type: ignore[arg-type]  # the database checks it
        job=job,
    )


@get(
    f"{V2}/sample/{{sha256:str}}/analysis",
    opt=operation("listAnalysis", Permission.VIEW_ANALYSIS, query=PageQuery, answers=list[AnalysisResult]),
)
async def list_analyses(request: Call) -> Response[bytes] | Streamed:
    """List the analyses of the sample that the caller may see, newest first."""
    sample = await request.visible_sample(Permission.VIEW_ANALYSIS)
    page = request.read_query(PageQuery).page()
    return await request.show_list(queries.analyses_of(request.caller, sample), page, show_analysis)


@get(
    f"{V2}/sample/{{sha256:str}}/analysis/summary",
    opt=operation(
        "getAnalysisSummary", Permission.VIEW_ANALYSIS, query=NoQuery, answers=AnalysisSummaryResponse
    ),
)
async def get_summary(request: Call) -> Answer:
    """Tell who analysed the sample, and give the latest analysis."""
    sample = await request.visible_sample(Permission.VIEW_ANALYSIS)
    request.read_query(NoQuery)
    async with request.bank.database.connection() as db:
        found = await queries.summary(db, request.caller, sample)
    return await request.show(found, _show_summary)


def _show_summary(found: AnalysisSummary, _: Directory) -> AnalysisSummaryResponse:
    latest = found.latest
    info = None
    if latest is not None:
        agent = UserAgent(latest.agent_name, latest.agent_version)
        info = AnalysisInfo(id=latest.id, analysis_score=latest.score, user_agent=agent)
    return AnalysisSummaryResponse([UserAgent(name, version) for name, version in found.analysers], info)


@get(
    f"{V2}/sample/{{sha256:str}}/analysis/{{analysis_id:str}}",
    opt=operation("getAnalysis", Permission.VIEW_ANALYSIS, query=NoQuery, answers=AnalysisResult),
)
async def get_analysis(request: Call) -> Answer:
    sample = await request.visible_sample(Permission.VIEW_ANALYSIS)
    async with request.bank.database.connection() as db:
        row = await queries.get_visible_analysis(
            db,
            request.caller,
            sample,
            request.path("analysis_id"),
            Permission.VIEW_ANALYSIS,
        )
    request.read_query(NoQuery)
    return await request.show(row, show_analysis)


@post(
    f"{V2}/sample/{{sha256:str}}/analysis",
    opt=operation(
        "addAnalysis",
        Permission.ADD_ANALYSIS,
        query=NoQuery,
        body=AnalysisAddRequest,
        answers=AnalysisResult,
        status=201,
        by_claims=True,
        keyed=True,
    ),
)
@repeatable
async def add_analysis(request: Call) -> Answer:
    """Store a worker's findings about the sample."""
    most = request.bank.settings.max_result_size
    document = await request.document(AnalysisAddRequest, extra=most)
    sample = await request.visible_sample(Permission.ADD_ANALYSIS, Permission.WORK_ON_CLAIMS)
    request.read_query(NoQuery)
    data = document.read(request.now)
    new = await read_analysis(request, data)
    facts, bank = read_facts(data), request.bank
    async with bank.database.transaction() as db:
        id_ = await recording.record(db, request.caller, sample.id, new, facts, now=request.now)
        row = await queries.get_own_analysis(db, request.caller, id_)
    return await request.show(row, show_analysis, 201)


def read_facts(data: AnalysisAddRequest) -> list[Fact]:
    return [Fact(one.kind, one.value) for one in data.facts or ()]


async def read_analysis(request: Call, data: AnalysisAddRequest) -> NewAnalysis:
    """Read the analysis to store.

    Raises `Invalid` with every violation, `Forbidden` when the caller may not add analyses for the customer.
    """
    bank, most = request.bank, request.bank.settings.max_result_size
    result = msgspec.json.encode(data.analysis_result)
    if written_out(result) > most:
        wrong = [Violation(TOO_LARGE.format(most=most), "analysisResult")]
    else:
        async with bank.database.connection() as db:
            wrong = await recording.violations_of_schema(
                db, data.user_agent.name, data.analysis_result, result
            )
    return await _new_analysis(request, data, result, wrong)


async def _new_analysis(
    request: Call, data: AnalysisAddRequest, result: bytes, wrong: Iterable[Violation]
) -> NewAnalysis:
    directory, caller = request.bank.directory, request.caller
    violations = Violations()
    violations.extend(wrong)
    customer = find_customer(violations, "customer", data.customer, caller, directory)
    acl = await read_acl(request, violations, data.acl)
    violations.extend(fact_kinds.violations_of(read_facts(data), "facts"))
    violations.raise_if_any()
    assert customer is not None  # noqa: S101 for the type checker: an unknown customer is a violation
    if not caller.may(Permission.WORK_ON_CLAIMS, customer.id):
        caller.require(Permission.ADD_ANALYSIS, customer)
    tags = dict.fromkeys(Tag(tag.type, tag.value) for tag in data.tags or ())
    return NewAnalysis(
        customer_id=customer.id,
        tlp=data.tlp,
        acl=acl,
        readers=readers(customer, data.tlp, acl),
        score=data.analysis_score,
        status_override=data.verdict_status_override,
        tags=list(tags),
        detections=[Detection(found.name, found.assessment) for found in data.triggered_detections or ()],
        possible_detections=data.possible_detections,
        profile=data.profile,
        internet_access=bool(data.executed_with_internet_access),
        agent_name=data.user_agent.name,
        agent_version=data.user_agent.version,
        result=result,
    )


ROUTES = [list_analyses, get_summary, get_analysis, add_analysis]
