"""Cursors: where the next page of a list begins. A page behind a cursor costs the same at any depth.

A cursor is for the question that it came from: the same installation, path, filters and order. What a forged cursor asks for is still
only what its caller may see. What a cursor holds is no secret, but for the number of a row: numbers would tell each caller how many
rows others have made in between. So a number is sealed with the secret of the feed, and a number that is not sealed is refused.
"""

import base64
import binascii
import hashlib
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from samplebank.api.seals import opened, sealed
from samplebank.database import Page
from samplebank.database.listing import OrderedListing
from samplebank.database.ordering import Order, read_place
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
#: the bytes of a number, and the kind of its seal
NUMBER, ROW = 8, b"row"
#: the type of ids that are numbers
COUNTED: Final = "bigint"


class Cursor(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """`question` is a digest, `values` are the keys and the id of the last row of a page."""

    question: str
    values: list[int | str | None]


class Question(msgspec.Struct, frozen=True):
    """What a list is asked for, apart from the page. `installation` is the identity of the store, `secret` seals numbers of rows."""

    path: str
    asked: Any
    installation: UUID | None
    secret: UUID

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
            return read_place(listing.by, _opened(listing.by, cursor.values, question.secret))
        violations.add("after", OTHER)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        violations.add("after", UNKNOWN)
    return None


def cursor_at(question: Question, place: Place) -> str:
    """The cursor for the page behind a place."""
    id_ = _sealed(place.id, question.secret) if isinstance(place.id, int) else place.id
    encoded = msgspec.json.encode((question.digest, (*place.keys, id_)))
    return base64.urlsafe_b64encode(encoded).decode()


def _sealed(number: int, secret: UUID) -> str:
    """A number that only the service can read. The same number always looks the same."""
    return base64.urlsafe_b64encode(sealed(secret, ROW, number.to_bytes(NUMBER, "big"))).decode()


def _opened(order: Order, values: list[int | str | None], secret: UUID) -> list[int | str | None]:
    """The values with the number of the row. Raises `ValueError` for a number that is not sealed."""
    if order.tie.type != COUNTED or not values:
        return values
    seal = base64.b64decode(str(values[-1]).encode(), b"-_", validate=True)
    return [*values[:-1], int.from_bytes(opened(secret, ROW, seal), "big")]
