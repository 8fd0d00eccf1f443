"""Children: what the holder of a task found inside of the sample of the task."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import post
from msgspec import Meta

from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api.call import Call
from samplebank.api.classifications import await_type
from samplebank.api.envelope import Answer
from samplebank.api.submissions import Text
from samplebank.api.uploads import refuse_announced_excess, uploaded
from samplebank.assembly import Bank
from samplebank.blobs import Area, Digests, Staged
from samplebank.database import Outrun
from samplebank.database.identifiers import find_id
from samplebank.database.signals import Signal
from samplebank.errors import Invalid, Unavailable
from samplebank.http.operation import EXTENSIONS, operation
from samplebank.http.shapes import Body, Sentence, Shown
from samplebank.samples.objects import keep_sample
from samplebank.submissions import origins
from samplebank.submissions.children import (
    ChildNeedsType,
    Find,
    NewChild,
    Outcome,
    Receipt,
    Relation,
    store_child,
)
from samplebank.submissions.origins import Bounds, Origin, Reason
from samplebank.submissions.receiving import receive_alone

EMPTY = "The body is empty; it must hold the bytes of the child."
MET = "The parent or the child is being deleted; try again."
LEASE = b"samplebank-lease"


class ChildQuery(Body):
    path: Text
    file_name: Text
    version: Sentence
    how: Annotated[str, Meta(max_length=200)] = ""
    relation: Relation = "child"
    password: Annotated[str, Meta(max_length=10_000)] | None = None
    parent: Annotated[str, Meta(max_length=64)] | None = None


class ChildResponse(Shown):
    """The outcome for a child.

    `stored`: the child has a submission of its own. `known`: the root of the submission has met the child before, so the
    child was linked only. `refused`: nothing was stored, because of `reason`. `depth` counts the steps from the root.
    """

    sample_sha256: str
    size: int
    outcome: Outcome
    depth: int
    reason: Reason | None = None
    submission_id: UUID | None = msgspec.field(name="submissionID", default=None)
    job_id: UUID | None = msgspec.field(name="jobID", default=None)


@post(
    f"{EXTENSIONS}/job/{{job_id:str}}/task/{{task_id:str}}/child",
    opt=operation(
        "addChild",
        Permission.UPDATE_JOB,
        query=ChildQuery,
        answers=ChildResponse,
        raw_body=True,
        by_claims=True,
    ),
)
async def add_child(request: Call) -> Answer:
    """Store the bytes of the body as a child of the task's sample, with submission, links and job. Safe to repeat.

    The header Samplebank-Lease has the lease token of the task. `parent` names another sample that came out of the
    submission of the task, where the child was found inside of that sample.
    """
    bank, job, task = request.bank, request.path("job_id"), request.path("task_id")
    lease = find_id((request.header(LEASE) or "").strip())
    async with bank.database.connection() as db:
        origin = await origins.find_origin(db, request.caller, job, task, lease)
    query = request.read_query(ChildQuery)
    if origin is not None and query.parent is not None:
        async with bank.database.connection() as db:
            origin = await origins.at_parent(db, origin, query.parent)
    async with _staged(request, bank) as staged:
        receipt = await _store(request, origin, staged, query)
    bank.signals.send(Signal.EVENTS)
    if receipt.opens_job:
        bank.signals.send(Signal.TASKS)
    if receipt.job_id is not None:
        bank.signals.tell(receipt.job_id)
    return await request.show((staged.digests, receipt), _show_receipt)


@asynccontextmanager
async def _staged(request: Call, bank: Bank) -> AsyncIterator[Staged]:
    """The bytes of the body on the disk, but without a name. Raises `Invalid`, `TooLarge` and `Unsupported`."""
    most = min(bank.settings.extraction_child_size, bank.settings.max_sample_size)
    refuse_announced_excess(request, most)
    staged = await bank.blobs.stage(Area.SAMPLE, uploaded(request), most)
    try:
        if not staged.digests.size:
            raise Invalid(EMPTY)
        yield staged
    finally:
        await staged.discard()


async def _store(request: Call, origin: Origin | None, staged: Staged, query: ChildQuery) -> Receipt:
    """Store a child. A child over a bound leaves nothing behind."""
    if origin is None:
        return Receipt("refused", 0, "gone")
    bank, size = request.bank, staged.digests.size
    bounds = bounds_of(bank)
    async with bank.database.connection() as db:
        if not await origins.is_known(db, origin, staged.digests.sha256):
            reason = await origins.bound_reached(db, origin, size, bounds)
            if reason is not None:
                return Receipt("refused", origin.depth + 1, reason)
    digests = await keep_sample(bank.database.connection, bank.looking, bank.blobs, staged)
    async with bank.database.connection() as db:
        sample_id, is_new = await receive_alone(
            db, digests, customer_id=origin.customer_id, user_id=None, now=bank.clock()
        )
    if is_new:
        bank.signals.send(Signal.UNCLASSIFIED)
    find = Find(origin, sample_id, digests, _new(query), request.caller.user.id, bank.clock())
    try:
        return await _stored(bank, find, bounds, needs_type=True)
    except ChildNeedsType:
        await await_type(request, sample_id)
    return await _stored(bank, find, bounds, needs_type=False)


async def _stored(bank: Bank, find: Find, bounds: Bounds, *, needs_type: bool) -> Receipt:
    try:
        async with bank.database.transaction() as db:
            return await store_child(
                db,
                find,
                bank.policies,
                bounds=bounds,
                longest_run=bank.job_rules.longest_run,
                needs_type=needs_type,
            )
    except Outrun:
        raise Unavailable(MET) from None


def bounds_of(bank: Bank) -> Bounds:
    settings = bank.settings
    return Bounds(settings.extraction_depth, settings.extraction_files, settings.extraction_bytes)


def _new(query: ChildQuery) -> NewChild:
    return NewChild(
        path=query.path,
        file_name=query.file_name,
        relation=query.relation,
        how=query.how,
        worker_version=query.version,
        password=query.password,
    )


def _show_receipt(shown: tuple[Digests, Receipt], _: Directory) -> ChildResponse:
    digests, receipt = shown
    return ChildResponse(
        sample_sha256=digests.sha256.hex(),
        size=digests.size,
        outcome=receipt.outcome,
        depth=receipt.depth,
        reason=receipt.reason,
        submission_id=receipt.submission_id,
        job_id=receipt.job_id,
    )


ROUTES = [add_child]
