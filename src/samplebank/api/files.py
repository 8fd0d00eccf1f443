"""Files in one request: the bytes as the body, what is known of the bytes in the query."""

import re
from collections.abc import Iterable
from functools import partial
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import post

from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api import envelope
from samplebank.api.call import Call
from samplebank.api.classifications import await_type
from samplebank.api.envelope import Answer
from samplebank.api.people import Tlp, UserAgentRequest
from samplebank.api.repeated_requests import again
from samplebank.api.submissions import (
    NO_RED,
    SubmissionRateLimitedResponse,
    SubmissionRequest,
    SubmissionResponse,
    Text,
    read_submission,
    show_submission,
)
from samplebank.api.uploads import kept_sample
from samplebank.blobs import Digests
from samplebank.database.signals import Signal
from samplebank.errors import Invalid, Refusal, Unavailable, Violation
from samplebank.http.operation import EXTENSIONS, operation
from samplebank.http.repeats import key_of, keyed
from samplebank.http.shapes import Body, Sentence, Time, Unique, Word
from samplebank.repeats import kept
from samplebank.repeats.kept import Kept, Keyed
from samplebank.submissions.at_once import (
    CREATED,
    SIMILAR,
    Answering,
    NeedsType,
    Repeated,
    Taken,
    Uploader,
    take_in,
)
from samplebank.submissions.model import NewSubmission, Submission
from samplebank.submissions.new_files import plan_file
from samplebank.submissions.receiving import receive_alone

#: the first product in the header User-Agent, as `curl/8.5.0`
PRODUCT = re.compile(r"([\w:.\-]{1,255})(?:/([\w.+\-]{1,255}))?", re.ASCII)
NO_AGENT = "unknown"
#: the names of parameters whose fields have other names in a body of JSON
PARAMETERS = {"metaData": "meta"}
MET = "Too many requests with this Idempotency-Key met at once; try again."


class FileQuery(Body):
    file_name: Text
    customer: int | str | None = None
    tlp: Annotated[Tlp, NO_RED] = "amber"
    acl: Unique[int | str] | None = None
    mime_type: Text = "application/octet-stream"
    meta: dict[str, str] | None = None
    observed_timestamp: Time = None
    retention: Time = None
    agent_name: Word | None = msgspec.field(name="userAgent.name", default=None)
    agent_version: Sentence | None = msgspec.field(name="userAgent.version", default=None)


class SubmittedFileResponse(SubmissionResponse):
    """A submission, with the job that analyses the sample for the submission. No job where the policy wants no worker."""

    job_id: UUID | None = msgspec.field(name="jobID", default=None)


def show_submitted(
    job_id: UUID | None, submission: Submission, directory: Directory
) -> SubmittedFileResponse:
    shown = show_submission(submission, directory)
    fields = {name: getattr(shown, name) for name in shown.__struct_fields__}
    return SubmittedFileResponse(**fields, job_id=job_id)


@post(
    f"{EXTENSIONS}/sample",
    opt=operation(
        "submitFile",
        Permission.SUBMIT_SAMPLE,
        query=FileQuery,
        answers=SubmittedFileResponse,
        status=CREATED,
        also={SIMILAR: SubmissionRateLimitedResponse},
        raw_body=True,
        keyed=True,
    ),
)
async def submit_file(request: Call) -> Answer:
    """Store the bytes of the body with a submission, and open an analysis job. Needs addSubmission for the customer, too."""
    return await take_body(request)


async def take_body(request: Call) -> Answer:
    """Store the bytes of the body with the submission that the query describes. Raises refusals."""
    key = key_of(request)
    try:
        new = await read_file(request)
    except Refusal:
        # a request that was good when it first came may come again, when its retention is over
        known = None if key is None else await _find_answer(request, key)
        if known is None:
            raise
        return again(request, known)
    async with kept_sample(request, key=key) as digests:
        return await take(request, digests, new, key)


async def take(request: Call, digests: Digests, new: NewSubmission, key: str | None) -> Answer:
    """Store the submission of bytes that are kept; with a key once only."""
    if key is None:
        return await _answer(request, digests, await _taken(request, digests, new, None))
    asked = keyed(request, key, digests.sha256)
    async with request.budgets.keyed.alone((asked.user_id, asked.key)):
        return await _once(request, digests, new, asked)


async def read_file(request: Call) -> NewSubmission:
    """Read what the query says about the bytes.

    Raises `Invalid` with every violation, `Forbidden` when the caller may not submit for the customer.
    """
    query = request.read_query(FileQuery)
    agent = _agent_of(request, query)
    try:
        return await read_submission(
            request,
            SubmissionRequest(
                file_name=query.file_name,
                user_agent=agent,
                customer=query.customer,
                tlp=query.tlp,
                acl=query.acl,
                mime_type=query.mime_type,
                meta_data=query.meta,
                observed_timestamp=query.observed_timestamp,
                retention=query.retention,
            ),
        )
    except Invalid as error:
        raise Invalid(*_by_parameter(error.violations)) from None


def _agent_of(request: Call, query: FileQuery) -> UserAgentRequest:
    """The user agent by the query, else by the header User-Agent."""
    if query.agent_name is not None:
        return UserAgentRequest(query.agent_name, query.agent_version or "")
    product = PRODUCT.match(request.header(b"user-agent") or "")
    name, version = (product[1], product[2]) if product else (NO_AGENT, None)
    return UserAgentRequest(name, query.agent_version or version or "")


def _by_parameter(violations: Iterable[Violation]) -> list[Violation]:
    return [
        msgspec.structs.replace(violation, field=PARAMETERS.get(violation.field or "", violation.field))
        for violation in violations
    ]


async def _find_answer(request: Call, key: str) -> Kept | None:
    """Find the answer to an earlier request with the key. The body is read only where the key has been used."""
    database = request.bank.database
    async with database.connection() as db:
        if not await kept.is_taken(db, keyed(request, key, b"")):
            return None
    request.stores_nothing = True
    async with kept_sample(request, key=key) as digests, database.connection() as db:
        return await kept.find(db, keyed(request, key, digests.sha256), now=request.now)


async def _once(request: Call, digests: Digests, new: NewSubmission, asked: Keyed) -> Answer:
    """Take the file in, and keep the answer with everything else; or answer as before."""
    database = request.bank.database
    for _ in range(2):
        try:
            return await _answer(request, digests, await _taken(request, digests, new, asked))
        except Repeated:
            async with database.connection() as db:
                known = await kept.find(db, asked, now=request.now)
                if known is not None:
                    return again(request, known)
                await kept.forget_expired(db, asked, now=request.now)
    raise Unavailable(MET)


async def _taken(request: Call, digests: Digests, new: NewSubmission, asked: Keyed | None) -> Taken:
    """Take the file in: a new file with others that come at once, any other file alone.

    Where the policy looks at file types, first wait a while for the type of a new file.
    """
    taken = await _taken_if_new(request, digests, new, asked)
    if taken is not None:
        return taken
    try:
        return await _take_in(request, digests, new, asked, needs_type=True)
    except NeedsType:
        bank, mine = request.bank, _uploader(request)
        async with bank.database.connection() as db:
            sample_id, _ = await receive_alone(db, digests, **msgspec.structs.asdict(mine), now=bank.clock())
        await await_type(request, sample_id)
    return await _take_in(request, digests, new, asked, needs_type=False)


async def _taken_if_new(
    request: Call, digests: Digests, new: NewSubmission, asked: Keyed | None
) -> Taken | None:
    """Take in a file that nobody has stored. None where others have, or have changed the policy: nothing is changed then.

    Also None where the policy looks at file types, or has not been read yet.
    """
    bank = request.bank
    book = bank.policies.latest
    if book is None or book.looks_at_classification:
        return None
    file = plan_file(
        digests,
        new,
        book,
        uploader=_uploader(request),
        now=bank.clock(),
        answering=None if asked is None else _answering(request, digests, asked),
    )
    return file.taken if await bank.ingesting.run(file) else None


async def _take_in(
    request: Call, digests: Digests, new: NewSubmission, asked: Keyed | None, *, needs_type: bool
) -> Taken:
    bank = request.bank
    taking = partial(
        take_in,
        digests=digests,
        new=new,
        policies=bank.policies,
        uploader=_uploader(request),
        similar_window=1000 * bank.settings.similar_submission_window,
        now=bank.clock(),
        answering=None if asked is None else _answering(request, digests, asked),
        needs_type=needs_type,
    )
    return await bank.database.optimistically(taking)


def _uploader(request: Call) -> Uploader:
    caller = request.caller
    return Uploader(caller.user.id, caller.user.customer.id, caller.key_id)


def _answering(request: Call, digests: Digests, asked: Keyed) -> Answering:
    def write(submission: Submission, job_id: UUID | None) -> bytes:
        shown = show_submitted(job_id, submission, request.bank.directory)
        return bytes(envelope.single(shown, CREATED).content)

    return Answering(asked, bytes(_similar(digests).content), write)


async def _answer(request: Call, digests: Digests, taken: Taken) -> Answer:
    signals = request.bank.signals
    if taken.is_new:
        signals.send(Signal.UNCLASSIFIED)
    if taken.submission is None:
        return _similar(digests)
    signals.send(Signal.EVENTS)
    if taken.opens_job:
        signals.send(Signal.TASKS, taken.workers)
    if taken.job_id is not None:
        signals.tell(taken.job_id)
    return await request.show(taken.submission, partial(show_submitted, taken.job_id), CREATED)


def _similar(digests: Digests) -> Answer:
    return envelope.single(SubmissionRateLimitedResponse(digests.sha256.hex()), SIMILAR)


ROUTES = [submit_file]
