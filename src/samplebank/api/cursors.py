"""Cursors: where the next page of a list begins. A page behind a cursor costs the same at any depth.

A cursor is for the question that it came from: the same installation, path, filters and order. What a cursor holds is no secret, and what a
forged cursor asks for is still only what its caller may see.
"""

import base64
import binascii
import hashlib
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from samplebank.database import Page
from samplebank.database.listing import OrderedListing
from samplebank.database.ordering import read_place
from samplebank.database.query import Place
from samplebank.errors import Violations

#: the cursor as a field of queries and bodies: names, keys and ids take a few kilobytes at most
After = Annotated[str, Meta(max_length=10_000, description="The `metaData.next` of the page before.")]
UNKNOWN = "This is no cursor: give `metaData.next` of the page before, as it is."
OTHER = (
    "This cursor is of another question, or of another installation: the path, the filters and the order must be those of the "
    "page before."
)
BESIDE_OFFSET = "A page begins behind a cursor, or at an offset: give one of them."
WHOLE = "With limit 0 there are no pages: leave the cursor out, or give a limit."


class Cursor(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """`question` is a digest, `values` are the keys and the id of the last row of a page."""

    question: str
    values: list[int | str | None]


class Question(msgspec.Struct, frozen=True):
    """What a list is asked for, apart from the page. `installation` is the identity of the store."""

    path: str
    asked: Any
    installation: UUID | None

    @property
    def digest(self) -> str:
        """Tells this question from others."""
        fields = {name: getattr(self.asked, name) for name in self.asked.__struct_fields__}
        told = {name: value for name, value in fields.items() if name not in {"limit", "offset", "after"}}
        return hashlib.sha256(
            msgspec.json.encode((self.installation, self.path, told), order="deterministic")
        ).hexdigest()[:16]


def page_behind(listing: OrderedListing[Any], question: Question, page: Page, after: str | None) -> Page:
    """The page, beginning behind the cursor `after` where there is one. Raises `Invalid`."""
    if after is None:
        return page
    violations = Violations()
    if page.offset:
        violations.add("offset", BESIDE_OFFSET)
    if page.limit == 0:
        violations.add("after", WHOLE)
    place = _read(listing, question, after, violations)
    violations.raise_if_any()
    return msgspec.structs.replace(page, after=place)


def _read(
    listing: OrderedListing[Any], question: Question, after: str, violations: Violations
) -> Place | None:
    try:
        cursor = msgspec.json.decode(base64.urlsafe_b64decode(after.encode()), type=Cursor)
        if cursor.question == question.digest:
            return read_place(listing.by, cursor.values)
        violations.add("after", OTHER)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        violations.add("after", UNKNOWN)
    return None


def cursor_at(question: Question, place: Place) -> str:
    """The cursor for the page behind a place."""
    encoded = msgspec.json.encode((question.digest, (*place.keys, place.id)))
    return base64.urlsafe_b64encode(encoded).decode()
