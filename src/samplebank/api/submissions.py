"""Submissions: what submitters say about files."""

import hashlib
from functools import partial
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from msgspec import Meta

from samplebank.accounts.caller import readers
from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Customer, Permission
from samplebank.api import envelope
from samplebank.api.acl import read_acl
from samplebank.api.call import Call
from samplebank.api.challenges import tries
from samplebank.api.classifications import await_type
from samplebank.api.envelope import Answer
from samplebank.api.lanes import read_shift
from samplebank.api.people import AccessControl, CustomerInfo, Tlp, UserAgent, UserAgentRequest
from samplebank.api.repeated_requests import Later, repeatable
from samplebank.database import TRUE, Sql
from samplebank.database.signals import Signal
from samplebank.errors import Refusal, Violations, invalid
from samplebank.http.known_files import known_to
from samplebank.http.operation import V2, operation
from samplebank.http.reader import find_customer
from samplebank.http.shapes import Body, NoQuery, PageQuery, Shown, Time, Unique, unless_given
from samplebank.http.streaming import Streamed
from samplebank.http.validation import read_time
from samplebank.samples import catalogue
from samplebank.samples.model import SHA256, pasted, read_sha256
from samplebank.submissions import queries
from samplebank.submissions.challenge import Outcome
from samplebank.submissions.intake import Result, Token, Untyped, submit
from samplebank.submissions.model import NewSubmission, Submission

#: the most bytes of the metadata of a submission, as JSON
MOST_META_DATA = 64 * 1024
Text = Annotated[str, Meta(min_length=1, max_length=4096)]
REFUSED_TOKEN = (
    "The challenge is unknown, expired or used already, or it is not yours or not for this sample."  # noqa: S105
)
WRONG_ANSWER = "The answer to the challenge is wrong, and the challenge is used up: ask for another one."


class ChallengeTokenRequest(Body):
    id: UUID
    sha256: str


#: `red` is part of the contract, but a submission with `red` is never taken
NO_RED = Meta(
    description="`red` is refused, because others than its recipient must read a submission.",
    extra_json_schema={"x-refused": ["red"]},
)


class SubmissionRequest(Body):
    """What a submitter says about a file."""

    file_name: Text
    user_agent: UserAgentRequest
    customer: int | str | None = None
    tlp: Annotated[Tlp, NO_RED] = "amber"
    acl: Unique[int | str] | None = None
    mime_type: Text = "application/octet-stream"
    meta_data: Annotated[dict[str, str] | None, unless_given({})] = None
    observed_timestamp: Time = None
    retention: Time = None


class SubmissionAddRequest(SubmissionRequest, kw_only=True):
    challenge_token: ChallengeTokenRequest


class SubmissionResponse(Shown):
    id: UUID
    sample_sha256: str
    customer: CustomerInfo
    file_name: str
    mime_type: str
    user_agent: UserAgent
    tlp: Tlp
    acl: Unique[AccessControl]
    flags: Unique[
        Literal["trustedAgent", "eventGeneratedNormal", "eventGeneratedAlerted", "eventGeneratedAlertedFlood"]
    ]
    meta_data: dict[str, str]
    observed_timestamp: int
    submitted_timestamp: int
    expiry_timestamp: int | None = None


class SubmissionRateLimitedResponse(Shown):
    sample_sha256: str


def show_submission(row: Submission, directory: Directory) -> SubmissionResponse:
    return SubmissionResponse(
        id=row.id,
        sample_sha256=row.sha256.hex(),
        customer=CustomerInfo.of(directory.customer(row.customer_id)),
        file_name=row.file_name,
        mime_type=row.mime_type,
        user_agent=UserAgent(row.agent_name, row.agent_version),
        tlp=row.tlp,  # type: ignore[arg-type]  # the database checks it
        acl=AccessControl.of(row.acl, row.user_id, row.submitted_time, directory),
        flags=row.flags,  # type: ignore[arg-type]  # the database checks it
        meta_data=row.meta_data,
        observed_timestamp=row.observed_time,
        submitted_timestamp=row.submitted_time,
        expiry_timestamp=row.expiry_time,
    )


@get(
    f"{V2}/sample/{{sha256:str}}/submission",
    opt=operation(
        "listSubmissions", Permission.VIEW_SUBMISSION, query=PageQuery, answers=list[SubmissionResponse]
    ),
)
async def list_submissions(request: Call) -> Response[bytes] | Streamed:
    """List the submissions of the sample that the caller may see, newest first."""
    sample = await request.visible_sample(Permission.VIEW_SUBMISSION)
    page = request.read_query(PageQuery).page()
    return await request.show_list(queries.submissions_of(request.caller, sample), page, show_submission)


@get(
    f"{V2}/sample/{{sha256:str}}/submission/{{submission_id:str}}",
    opt=operation("getSubmission", Permission.VIEW_SUBMISSION, query=NoQuery, answers=SubmissionResponse),
)
async def get_submission(request: Call) -> Answer:
    sample = await request.visible_sample(Permission.VIEW_SUBMISSION)
    async with request.bank.database.connection() as db:
        row = await queries.get_visible_submission(db, request.caller, sample, request.path("submission_id"))
    request.read_query(NoQuery)
    return await request.show(row, show_submission)


@post(
    f"{V2}/sample/{{sha256:str}}/submission",
    opt=operation(
        "addSubmission",
        Permission.ADD_SUBMISSION,
        query=NoQuery,
        body=SubmissionAddRequest,
        answers=SubmissionResponse,
        status=201,
        also={200: SubmissionResponse, 220: SubmissionRateLimitedResponse},
        keyed=True,
    ),
)
@repeatable
async def add_submission(request: Call) -> Answer:
    """Store the observation of a sample, and open an analysis job."""
    document = await request.document(SubmissionAddRequest)
    sha256 = read_sha256(request.path("sha256"))
    known = known_to(request.caller, request.bank.settings)
    try:
        request.read_query(NoQuery)
        data = document.read(request.now)
        violations = Violations()
        answer = _read_answer(violations, data.challenge_token)
        new = await read_submission(request, data, violations)
    except Refusal:
        # an unknown file is told before the mistakes of the submission
        await _require_known(request, sha256, known)
        raise
    if known is not TRUE:
        # before the look at the challenge: the answer must not depend on whether others have brought the file
        await _require_known(request, sha256, known)
    digest = hashlib.sha256(await request.bytes_of_body()).digest()
    token = Token(id=data.challenge_token.id, answer=bytes.fromhex(answer), request=digest)
    result = await _submit_typed(request, sha256, token, new)
    return await _answer(request, sha256, result)


async def _require_known(request: Call, sha256: bytes, known: Sql) -> None:
    """Raise `NotFound` for a file that is not among the `known`."""
    async with request.bank.database.connection() as db:
        await catalogue.get_known(db, sha256, known)


def _read_answer(violations: Violations, given: ChallengeTokenRequest) -> str:
    """The answer to the challenge, in hexadecimal digits."""
    answer = pasted(given.sha256).lower()
    if not SHA256.fullmatch(answer):
        violations.add("challengeToken.sha256", "This is not a SHA-256.")
    return answer


async def _submit_typed(request: Call, sha256: bytes, token: Token, new: NewSubmission) -> Result:
    """Submit. Raises `Later` where the policy looks at file types, and the file type of a new sample is worth a wait."""
    try:
        return await _submit(request, sha256, token, new, needs_type=not request.has_waited)
    except Untyped as missing:
        raise Later(partial(await_type, request, missing.sample_id)) from None


async def _submit(
    request: Call, sha256: bytes, token: Token, new: NewSubmission, *, needs_type: bool
) -> Result:
    """Submit in two steps without waiting for others. When other requests come between the steps, submit behind locks."""
    bank = request.bank
    submitting = partial(
        submit,
        sha256=sha256,
        token=token,
        new=new,
        policies=bank.policies,
        user_id=request.caller.user.id,
        tries=tries(bank.settings),
        similar_window=1000 * bank.settings.similar_submission_window,
        now=bank.clock(),
        needs_type=needs_type,
    )
    return await bank.database.optimistically(submitting)


async def _answer(request: Call, sha256: bytes, result: Result) -> Answer:
    if result.outcome is Outcome.REFUSED:
        raise invalid("challengeToken", REFUSED_TOKEN)
    if result.outcome is Outcome.WRONG:
        raise invalid("challengeToken", WRONG_ANSWER)
    if result.submission is None:
        return envelope.single(SubmissionRateLimitedResponse(sha256.hex()), 220)
    request.bank.signals.send(Signal.EVENTS)
    if result.job_id is not None:
        request.bank.signals.send(Signal.TASKS)
        request.bank.signals.tell(result.job_id)
    repeated = result.outcome is Outcome.REPEATED
    return await request.show(result.submission, show_submission, 200 if repeated else 201)


async def read_submission(
    request: Call, data: SubmissionRequest, violations: Violations | None = None
) -> NewSubmission:
    """Read the submission with its defaults. Raises `Invalid`, and `Forbidden` for a customer of others.

    `violations` that were found before are told along.
    """
    directory, caller, now = request.bank.directory, request.caller, request.now
    violations = Violations() if violations is None else violations
    customer: Customer | None = caller.user.customer
    if data.customer is not None:
        customer = find_customer(violations, "customer", data.customer, caller, directory)
    if data.tlp == "red":
        violations.add(
            "tlp", "A submission cannot be TLP red, because others than its recipient must read it."
        )
    acl = await read_acl(request, violations, data.acl)
    if data.meta_data and len(msgspec.json.encode(data.meta_data)) > MOST_META_DATA:
        said = f"The metadata of a submission take at most {MOST_META_DATA} bytes as JSON."
        violations.add("metaData", said)
    observed = read_time(violations, "observedTimestamp", data.observed_timestamp, now)
    expiry = read_time(violations, "retention", data.retention, now)
    if expiry is not None and expiry <= now:
        violations.add("retention", "The retention ends in the past.")
    shift = read_shift(request, violations)
    violations.raise_if_any()
    assert customer is not None  # noqa: S101 for the type checker: an unknown customer is a violation
    caller.require(Permission.ADD_SUBMISSION, customer)
    return NewSubmission(
        customer_id=customer.id,
        readers=readers(customer, data.tlp, acl),
        tlp=data.tlp,
        acl=acl,
        file_name=data.file_name,
        mime_type=data.mime_type,
        agent_name=data.user_agent.name,
        agent_version=data.user_agent.version,
        meta_data=data.meta_data or {},
        observed_time=now if observed is None else observed,
        expiry_time=expiry,
        trusted_agent=data.user_agent.name in request.bank.settings.agents,
        shift=shift,
    )


ROUTES = [list_submissions, get_submission, add_submission]
