"""A batch: files that were sent together, and what has become of them."""

from typing import ClassVar, Final, NamedTuple
from uuid import UUID

import msgspec
from litestar import Response, get

from samplebank.accounts.model import Permission
from samplebank.api.cursors import After
from samplebank.database import Page as Part
from samplebank.database.counting import Count
from samplebank.database.identifiers import find_id
from samplebank.errors import NotFound
from samplebank.http.operation import operation
from samplebank.http.shapes import Body
from samplebank.jobs.model import JobState
from samplebank.search.batches import Sent, sent_in
from samplebank.timespec import Millis
from samplebank.verdicts.model import word_of
from samplebank.web.copying import Copied, of_batch
from samplebank.web.rendering import Page
from samplebank.web.visit import Visit

#: files on a page
MOST: Final = 200
UNDER_WAY: Final = frozenset({JobState.ENQUEUED, JobState.EXECUTING})
NO_BATCH: Final = (
    "There is no batch with this id of which you may see a file. Nothing of the batch may have been sent yet."
)


class BatchQuery(Body):
    after: After | None = None


class SentFile(msgspec.Struct, frozen=True):
    """A file, as a line of the table. `word` is None until there is a verdict that the visitor may see.

    `may_open` is whether the visitor may look at samples at all: whoever only sends files may not.
    """

    id: UUID
    sha256: str
    may_open: bool
    size: int
    name: str
    customer: str
    submitted_time: Millis
    known_time: Millis | None
    word: str | None
    score: int | None
    job_id: UUID | None
    state: str | None
    tasks: list[tuple[str, str]]


class Files(NamedTuple):
    """A page of files of a batch. `older` is the cursor of the next page."""

    rows: list[SentFile]
    number: Count
    older: str | None

    @property
    def is_under_way(self) -> bool:
        return any(row.state in UNDER_WAY for row in self.rows)


class BatchPage(Page, frozen=True):
    """`count` is -1 where only `at_least` is known. `copied` is None for a visitor who may not look at samples."""

    template: ClassVar[str] = "batch.html"
    section: ClassVar[str] = "submit"

    batch: UUID
    rows: list[SentFile]
    count: int
    at_least: int
    older: str | None
    is_under_way: bool
    copied: Copied | None


@get(
    "/batch/{batch_id:str}", opt=operation("showBatch", Permission.VIEW_SUBMISSION, Permission.ADD_SUBMISSION)
)
async def show_batch(request: Visit) -> Response[bytes]:
    """Show the files of a batch that the visitor sent or may see, newest first."""
    query = request.read_query(BatchQuery)
    batch = find_id(request.path("batch_id"))
    found = None if batch is None else await files_of(request, batch, asked=query, after=query.after)
    if batch is None or found is None or not (found.rows or query.after):
        raise NotFound(NO_BATCH)
    return request.page(
        BatchPage(
            batch=batch,
            rows=found.rows,
            count=found.number.number,
            at_least=found.number.at_least,
            older=found.older,
            is_under_way=found.is_under_way,
            copied=of_batch(request.address, str(batch))
            if request.caller.holds(Permission.VIEW_SAMPLES)
            else None,
        )
    )


async def files_of(request: Visit, batch: UUID, *, asked: Body, after: str | None = None) -> Files:
    """The files of a batch as the visitor may see them. `asked` is the query of the page."""
    listing = sent_in(request.caller, batch)
    _, found, older = await request.found_behind(listing, Part(limit=MOST), asked=asked, after=after)
    if found is None:
        return Files([], Count(0), None)
    malicious_score = request.bank.settings.malicious_score
    directory = request.bank.directory

    def row_of(sent: Sent) -> SentFile:
        sha256, size, score, override = sent.sample
        job_id, state, tasks = sent.job or (None, None, None)
        return SentFile(
            id=sent.id,
            sha256=sha256.hex(),
            may_open=request.caller.holds(Permission.VIEW_SAMPLES),
            size=size,
            name=sent.file_name,
            customer=directory.customer(sent.customer_id).short_name,
            submitted_time=sent.submitted_time,
            known_time=sent.known_time,
            word=None if score is None else word_of(score, override, malicious_score),
            score=score,
            job_id=job_id,
            state=state,
            tasks=[(worker, task) for worker, task in tasks or ()],
        )

    return Files([row_of(sent) for sent in found.rows], found.number, older)


ROUTES = [show_batch]
