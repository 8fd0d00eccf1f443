"""Verdicts: list verdicts, set a verdict by hand, and take a verdict by hand back."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Response, get, post

from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api.analyses import AnalysisDetectionResponse, AnalysisTagResponse, Status, TagType
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.api.jobs import JobInfo
from samplebank.api.people import UserAgent, UserInfo
from samplebank.api.repeated_requests import repeatable
from samplebank.audit.model import within
from samplebank.database import Connection
from samplebank.database.signals import Signal
from samplebank.http.operation import EXTENSIONS, V2, operation
from samplebank.http.shapes import Body, NoQuery, PageQuery, Sentence, Shown, Unique, unless_given
from samplebank.http.streaming import Streamed
from samplebank.samples.model import Sample
from samplebank.verdicts import by_hand, queries
from samplebank.verdicts.by_hand import Judge
from samplebank.verdicts.model import Verdict
from samplebank.verdicts.ruling import lock_sample

#: looks at the verdicts of a sample while nobody can add one, and raises a refusal where nothing is to be stored
Check = Callable[[Connection], Awaitable[None]]
Sort = Literal[
    "createdTimestamp",
    "triggeredDetections",
    "score",
    "-createdTimestamp",
    "-triggeredDetections",
    "-score",
]


class VerdictTagResponse(Shown):
    type: TagType
    value: str
    count: int


class VerdictAnalysisInfo(Shown):
    id: UUID
    analysis_score: int
    user_agent: UserAgent
    tags: Unique[AnalysisTagResponse]
    triggered_detections: Unique[AnalysisDetectionResponse]
    difference: int | None = None
    impact: int | None = None
    possible_detections: int | None = None


class VerdictResponse(Shown):
    sample_sha256: str
    score: int
    analysis: Unique[VerdictAnalysisInfo]
    tags: Unique[VerdictTagResponse]
    flags: Unique[Literal["manual", "contradictingStatusOverrides", "shared"]]
    created_timestamp: int
    status_override: Status | None = None
    comment: str | None = None
    created_by_user: UserInfo | None = None
    job: JobInfo | None = None


class VerdictQuery(PageQuery):
    sort_by: Annotated[list[Sort] | None, unless_given(["-createdTimestamp"])] = None


class VerdictAddRequest(Body):
    status_override: Status
    comment: Sentence


class VerdictWithdrawRequest(Body):
    comment: Sentence


def show_verdict(row: Verdict, directory: Directory) -> VerdictResponse:
    job: Any = None if row.job_id is None else JobInfo(row.job_id, row.job_state)  # type: ignore[arg-type]
    # The query builds analyses and tags in the shape of the answer. Making structs of them would only cost time.
    analyses: list[Any] = [_show_analysis(analysis) for analysis in row.analyses]
    tags: list[Any] = row.tags
    return VerdictResponse(
        sample_sha256=row.sha256.hex(),
        score=row.score,
        analysis=analyses,
        tags=tags,
        flags=row.flags,  # type: ignore[arg-type]  # the names of the contract
        created_timestamp=row.created_time,
        status_override=row.status_override,  # type: ignore[arg-type]  # the database checks it
        comment=row.comment,
        created_by_user=None if row.user_id is None else UserInfo.of(directory.subject(row.user_id)),
        job=job,
    )


def _show_analysis(analysis: dict[str, Any]) -> dict[str, Any]:
    """Leave out fields without a value. A detection is shown once, however often the worker reported the detection."""
    said = analysis["triggeredDetections"]
    once = {(found["name"], found["assessment"]): found for found in said}
    shown = {name: value for name, value in analysis.items() if value is not None}
    return {**shown, "triggeredDetections": list(once.values())}


@get(
    f"{V2}/sample/{{sha256:str}}/verdict",
    opt=operation(
        "listVerdicts", Permission.VIEW_VERDICTS, query=VerdictQuery, answers=list[VerdictResponse]
    ),
)
async def list_verdicts(request: Call) -> Response[bytes] | Streamed:
    """List the verdicts on the sample, newest first unless sorted otherwise."""
    sample = await request.visible_sample(Permission.VIEW_VERDICTS)
    query = request.read_query(VerdictQuery)
    listing = queries.verdicts_of(request.caller, sample, query.sort_by or ["-createdTimestamp"])
    return await request.show_list(listing, query.page(), show_verdict)


@post(
    f"{V2}/sample/{{sha256:str}}/verdict",
    opt=operation(
        "addVerdict",
        Permission.ADD_VERDICT,
        query=NoQuery,
        body=VerdictAddRequest,
        answers=VerdictResponse,
        status=201,
        keyed=True,
    ),
)
@repeatable
async def add_verdict(request: Call) -> Answer:
    """Judge the sample by hand. Later verdicts carry the given status until somebody judges again."""
    document = await request.document(VerdictAddRequest)
    sample = await request.visible_sample(Permission.ADD_VERDICT)
    request.read_query(NoQuery)
    return await request.show(await judge(request, sample, document.read(request.now)), show_verdict, 201)


@post(
    f"{EXTENSIONS}/sample/{{sha256:str}}/verdict/withdrawal",
    opt=operation(
        "withdrawVerdict",
        Permission.ADD_VERDICT,
        query=NoQuery,
        body=VerdictWithdrawRequest,
        answers=VerdictResponse,
        status=201,
        keyed=True,
    ),
)
@repeatable
async def withdraw_verdict(request: Call) -> Answer:
    """Take the latest verdict by hand back. The answer is the verdict of the analyses, which the sample has from now on.

    Nothing of the history is removed.
    """
    document = await request.document(VerdictWithdrawRequest)
    sample = await request.visible_sample(Permission.ADD_VERDICT)
    request.read_query(NoQuery)
    return await request.show(
        await withdraw(request, sample, document.read(request.now).comment), show_verdict, 201
    )


async def judge(
    request: Call, sample: Sample, given: VerdictAddRequest, check: Check | None = None
) -> Verdict:
    """Store a verdict by hand. Raises `Forbidden`, `NotFound`, and what `check` raises."""

    async def store(db: Connection) -> UUID:
        author, rules = _author(request, given.comment), request.bank.job_rules
        await _record(request, db, sample, status=given.status_override)
        return await by_hand.set_verdict(
            db, sample.id, given.status_override, author, rules=rules, now=request.now
        )

    return await _stored(request, sample, store, check)


async def withdraw(request: Call, sample: Sample, comment: str, check: Check | None = None) -> Verdict:
    """Take the latest verdict by hand back. Raises `Conflict`, `Forbidden`, `NotFound`, and what `check` raises."""

    async def store(db: Connection) -> UUID:
        author, rules = _author(request, comment), request.bank.job_rules
        await _record(request, db, sample)
        return await by_hand.withdraw_verdict(db, sample.id, author, rules=rules, now=request.now)

    return await _stored(request, sample, store, check)


async def _record(request: Call, db: Connection, sample: Sample, **details: object) -> None:
    owners = within(request.caller.scope(Permission.ADD_VERDICT))
    await request.record(db, sha256=sample.sha256, owners=owners, details=details or None)


def _author(request: Call, comment: str) -> Judge:
    return Judge(request.caller.user.id, request.caller.scope(Permission.ADD_VERDICT), comment)


async def _stored(
    request: Call, sample: Sample, store: Callable[[Connection], Awaitable[UUID]], check: Check | None
) -> Verdict:
    async with request.bank.database.transaction() as db:
        if check is not None:
            await lock_sample(db, sample.id)
            await check(db)
        row = await queries.get_verdict(db, request.caller, await store(db))
    request.bank.signals.send(Signal.VERDICTS)
    return row


ROUTES = [list_verdicts, add_verdict, withdraw_verdict]
