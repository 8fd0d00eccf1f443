"""Classifications: the file type of a sample, and the wish to look again."""

import asyncio
import time
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Response, get, put

from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.audit.model import within
from samplebank.blobs.store import MISSING
from samplebank.database.signals import Signal
from samplebank.errors import NotFound, Unavailable
from samplebank.http.operation import V2, operation
from samplebank.http.shapes import Body, NoQuery, PageQuery, Shown, unless_given
from samplebank.http.streaming import Streamed
from samplebank.samples import classification
from samplebank.samples.classification import Progress
from samplebank.samples.model import Classification

Sort = Literal[
    "createdTimestamp",
    "version",
    "type",
    "superType",
    "arch",
    "platform",
    "-createdTimestamp",
    "-version",
    "-type",
    "-superType",
    "-arch",
    "-platform",
]
#: seconds between looks for an awaited classification
LOOK_AGAIN = 0.05


class ClassificationResponse(Shown):
    type: str
    super_type: str
    version: str
    meta_data: dict[str, Any]
    arch: str | None = None
    platform: str | None = None


class ClassificationQuery(PageQuery):
    sort_by: Annotated[list[Sort] | None, unless_given(["-createdTimestamp"])] = None


class SampleReclassifyRequest(Body):
    """An empty object: the request has no fields."""


def show_classification(row: Classification, _: Directory) -> ClassificationResponse:
    return ClassificationResponse(
        type=row.type,
        super_type=row.super_type,
        version=row.version,
        meta_data=row.meta_data,
        arch=row.arch,
        platform=row.platform,
    )


@get(
    f"{V2}/sample/{{sha256:str}}/classification",
    opt=operation(
        "listClassifications",
        Permission.VIEW_SAMPLES,
        query=ClassificationQuery,
        answers=list[ClassificationResponse],
    ),
)
async def list_classifications(request: Call) -> Response[bytes] | Streamed:
    """List the classifications of the sample, newest first unless sorted otherwise."""
    sample = await request.visible_sample(Permission.VIEW_SAMPLES)
    query = request.read_query(ClassificationQuery)
    listing = classification.classifications_of(sample.id, query.sort_by or ["-createdTimestamp"])
    return await request.show_list(listing, query.page(), show_classification)


@put(
    f"{V2}/sample/{{sha256:str}}/reclassify",
    opt=operation(
        "reclassifySample",
        Permission.RECLASSIFY,
        query=NoQuery,
        body=SampleReclassifyRequest,
        answers=ClassificationResponse,
    ),
)
async def reclassify(request: Call) -> Answer:
    """Classify the file again, and answer the new classification."""
    document = await request.document(SampleReclassifyRequest, if_empty=b"{}")
    sample = await request.visible_sample(Permission.RECLASSIFY)
    request.read_query(NoQuery)
    document.read(request.now)
    bank = request.bank
    deadline = bank.settings.classification_deadline + 5
    async with request.budgets.files.turn(request.caller.user.id):
        async with bank.database.transaction() as db:
            before = await classification.ask_again(db, sample.id)
            owners = within(request.caller.scope(Permission.RECLASSIFY))
            await request.record(db, sha256=sample.sha256, owners=owners)
        bank.signals.send(Signal.URGENT)
        found = await await_classification(request, sample.id, deadline, after=before)
    if found.latest is not None and found.latest_id != before:
        return await request.show(found.latest, show_classification)
    if found.is_waiting:
        raise Unavailable(
            "The classifier has not come to it yet; the classification will be listed when it has."
        )
    await request.visible_sample(Permission.RECLASSIFY)
    raise NotFound(MISSING)  # or it is being deleted, and its classifications went first


async def await_classification(
    request: Call,
    sample_id: int,
    seconds: float,
    *,
    after: UUID | None = None,
) -> Progress:
    """Wait until there is another classification than `after`, or none will come, or the time is over."""
    bank = request.bank
    end = time.monotonic() + seconds
    while True:
        async with bank.database.connection() as db:
            found = await classification.progress_of(db, sample_id)
        is_new = found.latest_id not in (None, after)
        if is_new or not found.is_waiting or time.monotonic() >= end:
            return found
        await asyncio.sleep(LOOK_AGAIN)


async def await_type(request: Call, sample_id: int) -> None:
    """Have the file type of a new sample looked at first, and wait a while for the type."""
    async with request.bank.database.connection() as db:
        await classification.hurry(db, sample_id)
    request.bank.signals.send(Signal.URGENT)
    await await_classification(request, sample_id, request.bank.settings.classification_wait)


ROUTES = [list_classifications, reclassify]
