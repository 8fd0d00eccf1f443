"""Notes on the page of a sample: add a note, and withdraw an own note."""

import hashlib
import secrets
from functools import partial
from typing import Final
from uuid import UUID

import msgspec
from litestar import Response, post

from samplebank.accounts.model import Permission
from samplebank.api.notes import NoteAddRequest, store_note
from samplebank.api.repeated_requests import once
from samplebank.errors import invalid
from samplebank.http.operation import operation
from samplebank.http.repeats import LONGEST
from samplebank.http.shapes import NoQuery
from samplebank.http.validation import Document
from samplebank.samples import notes
from samplebank.samples.notes import Note
from samplebank.web.visit import Visit

#: notes that the page of a sample shows, and lines of a note that stand apart
MOST_NOTES: Final = 20
MOST_LINES: Final = 40
NO_KEY: Final = "The form has no key of its own: load the page again, and send the form again."


class NoteLine(msgspec.Struct, frozen=True):
    """A note, as the page shows notes."""

    id: UUID
    lines: list[str]
    author: str
    customer: str
    tlp: str
    created_time: int
    is_own: bool


def line_of(request: Visit, note: Note) -> NoteLine:
    directory = request.bank.directory
    lines = note.text.split("\n")
    return NoteLine(
        id=note.id,
        lines=[*lines[:MOST_LINES], *([" ".join(lines[MOST_LINES:])] if len(lines) > MOST_LINES else [])],
        author=directory.subject(note.user_id).short_name,
        customer=directory.customer(note.customer_id).short_name,
        tlp=note.tlp,
        created_time=note.created_time,
        is_own=note.user_id == request.caller.user.id,
    )


def new_key() -> str:
    """A key for a form, which makes a form that is sent twice one request."""
    return secrets.token_urlsafe(16)


@post("/sample/{sha256:str}/notes", opt=operation("addNoteByPage", Permission.ADD_NOTE), status_code=303)
async def add_note(request: Visit) -> Response[bytes]:
    """Add a note. A form that is sent twice adds one note."""
    request.read_query(NoQuery)
    form = await request.read_form()
    key = form.get("key", [""])[0]
    if not 0 < len(key) <= LONGEST:
        raise invalid("key", NO_KEY)
    # browsers end lines with CR and LF
    text = form.get("text", [""])[0].replace("\r\n", "\n").strip()
    body = msgspec.json.encode({"text": text, "tlp": form.get("tlp", ["amber"])[0]})
    data = Document(body, NoteAddRequest).read(request.now)
    sample = await request.visible_sample(Permission.ADD_NOTE)
    await once(request, key, hashlib.sha256(body).digest(), partial(store_note, request, sample, data))
    return request.to(f"sample/{sample.sha256.hex()}#notes")


@post(
    "/sample/{sha256:str}/notes/{note_id:str}/withdraw",
    opt=operation("withdrawNoteByPage", Permission.ADD_NOTE),
    status_code=303,
)
async def withdraw_note(request: Visit) -> Response[bytes]:
    """Withdraw a note of the visitor's own. To repeat changes nothing."""
    request.read_query(NoQuery)
    await request.read_form()
    sample = await request.visible_sample(Permission.ADD_NOTE)
    async with request.bank.database.transaction() as db:
        note = await notes.withdraw(db, request.caller, sample, request.path("note_id"), now=request.now)
        await request.record(db, sha256=sample.sha256, details={"note": str(note.id)})
    return request.to(f"sample/{sample.sha256.hex()}#notes")


ROUTES = [add_note, withdraw_note]
