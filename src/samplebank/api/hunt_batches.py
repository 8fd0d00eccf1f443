"""Batches of hunts, for workers: take a batch, fetch its samples in one stream, keep the batch, bring the result."""

from functools import partial
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from msgspec import Meta

from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api.call import Call
from samplebank.api.claims import TOO_MANY, Seconds
from samplebank.api.downloads import BINARY, attachment
from samplebank.api.envelope import Answer
from samplebank.api.hunt_contents import TOGETHER, contents_of
from samplebank.api.hunts import HUNTS
from samplebank.api.waiting import claim_when_there
from samplebank.audit.model import Kind
from samplebank.database import Page
from samplebank.database.signals import Signal
from samplebank.errors import TooMany, invalid
from samplebank.http.operation import operation
from samplebank.http.shapes import Body, Int64, NoQuery, Shown
from samplebank.http.streaming import Streamed
from samplebank.hunts import claims, results
from samplebank.hunts.model import LARGE_BATCH, TURN_SECONDS, Batch, HuntRules
from samplebank.samples.model import SHA256

BATCH = f"{HUNTS}/{{hunt_id:str}}/batch/{{number:str}}"
NEEDED = (Permission.UPDATE_JOB,)
#: bytes of a result beyond those of other bodies
LARGE_RESULT = 8 * 1024**2
COME_AGAIN = 5
#: seconds after which a waiting claim looks again: no signal tells of leases that end, and of tasks that come no longer first
LOOK_AGAIN = 2.0
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Number = Annotated[int, Meta(ge=0, le=2**53)]


class BatchClaimRequest(Body):
    """`workers` names analysers, by short name, whose tasks come before hunts."""

    workers: Annotated[list[str], Meta(max_length=100)] | None = None
    wait_seconds: Annotated[int, Meta(ge=0, le=30)] = 0
    lease_seconds: Seconds = 300


class BatchHeartbeatRequest(Body):
    lease_token: UUID
    lease_seconds: Seconds = 300


class PatternRequest(Body):
    """A pattern of a rule with the places of its first matches, and the text of the first match."""

    name: Name
    count: Annotated[int, Meta(ge=1, le=2**53)]
    offsets: Annotated[list[Number], Meta(min_length=1, max_length=100)]
    lengths: Annotated[list[Number], Meta(max_length=100)] | None = None
    text: Annotated[str, Meta(max_length=1000)] = ""


class MatchRequest(Body):
    """A rule that matches, with what its metadata say."""

    rule: Name
    score: Annotated[int, Meta(ge=0, le=100)] = 50
    assessment: Literal["benign", "unknown", "malicious", "informational"] = "unknown"
    family: Name | None = None
    description: Annotated[str, Meta(max_length=1000)] | None = None
    tags: Annotated[list[Name], Meta(max_length=100)] | None = None
    patterns: Annotated[list[PatternRequest], Meta(max_length=100)] | None = None


class HitRequest(Body):
    sample: str
    matches: Annotated[list[MatchRequest], Meta(min_length=1, max_length=100)]


class BatchResultRequest(Body):
    """Without `lookedAt`, the result tells of all samples of the batch. Of the samples told of, those in no count were deleted meanwhile."""

    lease_token: UUID
    scanned: Number
    scanned_bytes: Number
    unscanned: Number = 0
    looked_at: Annotated[int, Meta(ge=1, le=LARGE_BATCH)] | None = None
    reason: Annotated[str, Meta(max_length=10_000)] = ""
    hits: Annotated[list[HitRequest], Meta(max_length=LARGE_BATCH)] | None = None


class HuntReference(Shown):
    id: UUID


class BatchSampleResponse(Shown):
    id: str
    size: Int64
    type: str | None = None


class BatchResponse(Shown):
    """After `seconds` of scanning, a worker brings what it has: `lookedAt` of the result, and the rest waits for another turn."""

    hunt: HuntReference
    number: int
    attempt: int
    lease_token: UUID
    lease_end_timestamp: int
    rules: str
    samples: list[BatchSampleResponse]
    seconds: int


class BatchLeaseResponse(Shown):
    number: int
    lease_end_timestamp: int | None = None


@post(
    f"{HUNTS}/claim",
    opt=operation(
        "claimHuntBatch",
        *NEEDED,
        query=NoQuery,
        body=BatchClaimRequest,
        answers=list[BatchResponse],
        by_claims=True,
        unheeded=True,
    ),
    status_code=200,
)
async def claim(request: Call) -> Answer:
    """Take a batch of a hunt, while no task of `workers` waits. Without a batch, the call waits up to `waitSeconds`."""
    document = await request.document(BatchClaimRequest)
    request.read_query(NoQuery)
    wanted = document.read(request.now)
    places, key = request.budgets.claims, (request.caller.user.id, Signal.HUNTS)
    if not places.enter(key):
        raise TooMany(TOO_MANY, wait=COME_AGAIN)
    try:
        batch = await claim_when_there(
            request,
            Signal.HUNTS,
            partial(_claim_once, request, wanted),
            seconds=wanted.wait_seconds,
            look_again=LOOK_AGAIN,
        )
    finally:
        places.leave(key)
    found = [] if batch is None else [batch]
    return await request.show_page(found, Page(1), len(found), _show_batch)


@get(
    f"{BATCH}/content",
    opt=operation(
        "downloadHuntBatch", *NEEDED, query=NoQuery, media_type=BINARY, by_claims=True, act=Kind.DOWNLOAD
    ),
)
async def download(request: Call) -> Streamed:
    """Send the samples of a batch that the caller holds, in the order of the claim, each behind its size in 8 bytes.

    In place of the size, 8 bytes of 255 tell of a sample that was deleted meanwhile.
    """
    token = _token_of(request.header(b"samplebank-lease"))
    async with request.bank.database.connection() as db:
        samples = await claims.samples_held(
            db, request.caller, request.path("hunt_id"), _number(request), token
        )
    request.read_query(NoQuery)
    await request.record_download(None, hunt=request.path("hunt_id"), samples=len(samples))
    pieces = await request.opened(contents_of(request.bank.blobs, samples))
    return attachment(pieces, "batch", None, BINARY, part=TOGETHER)


@post(
    f"{BATCH}/heartbeat",
    opt=operation(
        "extendHuntBatch",
        *NEEDED,
        query=NoQuery,
        body=BatchHeartbeatRequest,
        answers=BatchLeaseResponse,
        by_claims=True,
        unheeded=True,
    ),
    status_code=200,
)
async def heartbeat(request: Call) -> Answer:
    """Keep a batch for longer."""
    document = await request.document(BatchHeartbeatRequest)
    request.read_query(NoQuery)
    wanted = document.read(request.now)
    number, until = _number(request), request.now + 1000 * wanted.lease_seconds
    async with request.bank.database.connection() as db:
        await claims.extend(
            db, request.caller, request.path("hunt_id"), number, wanted.lease_token, until=until
        )
    return await request.show((number, until), _show_lease)


@post(
    f"{BATCH}/result",
    opt=operation(
        "endHuntBatch",
        *NEEDED,
        query=NoQuery,
        body=BatchResultRequest,
        answers=BatchLeaseResponse,
        by_claims=True,
        unheeded=True,
    ),
    status_code=200,
)
async def end(request: Call) -> Answer:
    """End a batch with everything that was found, or put all but the first `lookedAt` samples back into the hunt.

    The same request again changes nothing.
    """
    document = await request.document(BatchResultRequest, extra=LARGE_RESULT)
    request.read_query(NoQuery)
    wanted = document.read(request.now)
    for position, hit in enumerate(wanted.hits or ()):
        if not SHA256.fullmatch(hit.sample):
            raise invalid(f"hits[{position}].sample", f"{hit.sample[:100]!r} is not a SHA-256.")
    result = results.Result(
        token=wanted.lease_token,
        scanned=wanted.scanned,
        scanned_bytes=wanted.scanned_bytes,
        unscanned=wanted.unscanned,
        looked_at=wanted.looked_at,
        reason=wanted.reason,
        hits=[
            results.Hit(bytes.fromhex(hit.sample), msgspec.to_builtins(hit.matches))
            for hit in wanted.hits or ()
        ],
    )
    number, hunt = _number(request), request.path("hunt_id")
    async with request.bank.database.transaction() as db:
        await results.store(db, request.caller, hunt, number, result, now=request.now)
    request.bank.signals.tell(UUID(hunt))
    return await request.show((number, None), _show_lease)


async def _claim_once(request: Call, wanted: BatchClaimRequest) -> Batch | None:
    bank = request.bank
    async with bank.database.connection() as db:
        if not await claims.is_any_open(db):
            return None
    rules = HuntRules(bank.settings.hunt_bytes_per_day, bank.settings.task_max_attempts)
    async with bank.database.transaction() as db:
        return await claims.claim(
            db,
            request.caller,
            wanted.workers or [],
            rules,
            now=bank.clock(),
            lease=1000 * wanted.lease_seconds,
        )


def _number(request: Call) -> int:
    """The number of a batch. A text that is no number names no batch."""
    text = request.path("number")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0  # noqa: PLR2004 an int of the database


def _token_of(header: str | None) -> UUID:
    try:
        return UUID(header or "")
    except ValueError:
        said = "The header Samplebank-Lease must hold the lease token of the batch."
        raise invalid("Samplebank-Lease", said) from None


def _show_batch(batch: Batch, _: Directory) -> BatchResponse:
    return BatchResponse(
        hunt=HuntReference(batch.hunt_id),
        number=batch.number,
        attempt=batch.attempt,
        lease_token=batch.lease_token,
        lease_end_timestamp=batch.lease_until,
        rules=batch.rules,
        samples=[BatchSampleResponse(one.sha256.hex(), one.size, one.type) for one in batch.samples],
        seconds=TURN_SECONDS,
    )


def _show_lease(lease: tuple[int, int | None], _: Directory) -> BatchLeaseResponse:
    number, until = lease
    return BatchLeaseResponse(number=number, lease_end_timestamp=until)


ROUTES = [claim, download, heartbeat, end]
