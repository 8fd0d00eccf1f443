"""Notes on samples: list notes, add a note, withdraw a note."""

from typing import Annotated
from uuid import UUID

from litestar import Response, delete, get, post
from msgspec import Meta

from samplebank.accounts.caller import readers
from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api.acl import read_acl
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.api.people import AccessControl, CustomerInfo, Tlp, UserInfo
from samplebank.api.repeated_requests import repeatable
from samplebank.errors import Violations
from samplebank.http.operation import EXTENSIONS, operation
from samplebank.http.reader import find_customer
from samplebank.http.shapes import Body, NoQuery, PageQuery, Shown, Unique
from samplebank.http.streaming import Streamed
from samplebank.samples import notes
from samplebank.samples.model import Sample
from samplebank.samples.notes import NewNote

ALL = f"{EXTENSIONS}/sample/{{sha256:str}}/notes"


class NoteAddRequest(Body):
    text: Annotated[str, Meta(min_length=1, max_length=10_000)]
    tlp: Tlp = "amber"
    customer: int | str | None = None
    acl: Unique[int | str] | None = None


class Note(Shown):
    id: UUID
    sample_sha256: str
    text: str
    customer: CustomerInfo
    tlp: Tlp
    acl: list[AccessControl]
    created_by_user: UserInfo
    created_timestamp: int
    withdrawn_timestamp: int | None = None


def show_note(row: notes.Note, directory: Directory) -> Note:
    return Note(
        id=row.id,
        sample_sha256=row.sha256.hex(),
        text=row.text,
        customer=CustomerInfo.of(directory.customer(row.customer_id)),
        tlp=row.tlp,  # type: ignore[arg-type]  # the database checks it
        acl=AccessControl.of(row.acl, row.user_id, row.created_time, directory),
        created_by_user=UserInfo.of(directory.subject(row.user_id)),
        created_timestamp=row.created_time,
        withdrawn_timestamp=row.withdrawn_time,
    )


@get(ALL, opt=operation("listNotes", Permission.VIEW_ANALYSIS, query=PageQuery, answers=list[Note]))
async def list_notes(request: Call) -> Response[bytes] | Streamed:
    """List the notes on the sample that the caller may see, newest first."""
    sample = await request.visible_sample(Permission.VIEW_ANALYSIS)
    page = request.read_query(PageQuery).page()
    return await request.show_list(notes.notes_of(request.caller, sample), page, show_note)


@post(
    ALL,
    opt=operation(
        "addNote",
        Permission.ADD_NOTE,
        query=NoQuery,
        body=NoteAddRequest,
        answers=Note,
        status=201,
        keyed=True,
    ),
)
@repeatable
async def add_note(request: Call) -> Answer:
    """Add a note to the sample. Its TLP and ACL say who may read it, as those of an analysis do."""
    document = await request.document(NoteAddRequest)
    sample = await request.visible_sample(Permission.ADD_NOTE)
    request.read_query(NoQuery)
    return await store_note(request, sample, document.read(request.now))


async def store_note(request: Call, sample: Sample, data: NoteAddRequest) -> Answer:
    """Store a note. Raises as `read_note`."""
    new = await read_note(request, data)
    async with request.bank.database.transaction() as db:
        note = await notes.add(db, sample.sha256, new, user_id=request.caller.user.id, now=request.now)
        await request.record(db, sha256=sample.sha256, details={"note": str(note.id)})
    return await request.show(note, show_note, 201)


@delete(
    f"{ALL}/{{note_id:str}}",
    opt=operation("withdrawNote", Permission.ADD_NOTE, query=NoQuery, answers=Note),
    status_code=200,
)
async def withdraw_note(request: Call) -> Answer:
    """Withdraw a note of the caller's own. Its text is gone then."""
    sample = await request.visible_sample(Permission.ADD_NOTE)
    request.read_query(NoQuery)
    async with request.bank.database.transaction() as db:
        note = await notes.withdraw(db, request.caller, sample, request.path("note_id"), now=request.now)
        await request.record(db, sha256=sample.sha256, details={"note": str(note.id)})
    return await request.show(note, show_note)


async def read_note(request: Call, data: NoteAddRequest) -> NewNote:
    """Read the note to store.

    Raises `Invalid` with every violation, `Forbidden` when the caller may not add notes for the customer.
    """
    directory, caller = request.bank.directory, request.caller
    violations = Violations()
    customer = caller.user.customer
    if data.customer is not None:
        customer = find_customer(violations, "customer", data.customer, caller, directory) or customer
    acl = await read_acl(request, violations, data.acl)
    violations.raise_if_any()
    caller.require(Permission.ADD_NOTE, customer)
    return NewNote(
        text=data.text,
        customer_id=customer.id,
        tlp=data.tlp,
        acl=acl,
        readers=readers(customer, data.tlp, acl),
    )


ROUTES = [list_notes, add_note, withdraw_note]
