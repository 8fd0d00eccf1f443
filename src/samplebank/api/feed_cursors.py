"""Cursors of the feed: where a reader stands, as a text that is good for one installation.

A cursor holds no secret. Behind a forged cursor, a caller sees the same events as behind any other.
"""

import base64
import binascii
from typing import Final
from uuid import UUID

import msgspec

from samplebank.errors import Gone, Violation, invalid
from samplebank.events.feed import BEGINNING, Feed, Place

#: asks for what happens from now on
LATEST: Final = "latest"
#: the digits of the identity of the feed that a cursor holds
DIGITS: Final = 12
#: greater numbers are no transactions and no ids of the database
MOST: Final = 2**63 - 1
UNKNOWN: Final = (
    "This is no cursor of the feed: give `metaData.next` of the page before, as it is, or `latest`."
)
OTHER: Final = (
    "This cursor is of another installation, or of the time before this installation came back from a dump. "
    "Read without a cursor, and leave out the events that you know."
)
TOO_OLD: Final = (
    "Events behind this cursor were forgotten after SAMPLEBANK_EVENT_RETENTION, so that events would be missing. "
    "Look at what you follow afresh by the searches, then read on from `latest`, or without a cursor from the oldest event."
)
TOO_NEW: Final = (
    "This cursor is of a later time than the database, which has come back from a backup. "
    "Look at what you follow afresh by the searches, then read on from `latest`."
)


class Cursor(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    feed: str
    since: int
    until: int
    id: int
    last: int


def cursor_at(feed: UUID, place: Place) -> str:
    """The cursor for what is behind a place."""
    cursor = Cursor(feed.hex[:DIGITS], place.since, place.until, place.id, place.last)
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).rstrip(b"=").decode()


def read_cursor(after: str | None) -> Cursor | None:
    """Read a cursor, which may be of any installation. None for the beginning, and for the latest. Raises `Invalid`."""
    if after is None or after == LATEST:
        return None
    try:
        padded = after.encode() + b"=" * (-len(after) % 4)
        cursor = msgspec.json.decode(base64.b64decode(padded, b"-_", validate=True), type=Cursor)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise invalid("after", UNKNOWN) from None
    if not all(0 <= number <= MOST for number in (cursor.since, cursor.until, cursor.id, cursor.last)):
        raise invalid("after", UNKNOWN)
    return cursor


def place_of(cursor: Cursor | None) -> Place:
    if cursor is None:
        return BEGINNING
    return Place(cursor.since, cursor.until, cursor.id, cursor.last)


def check(cursor: Cursor | None, feed: Feed) -> None:
    """Raise `Invalid` for a cursor of another feed, and `Gone` where events behind the cursor are not there."""
    if cursor is None:
        return
    if cursor.feed != feed.identity.hex[:DIGITS]:
        raise invalid("after", OTHER)
    if feed.has_forgotten_behind(place_of(cursor)):
        raise Gone(Violation(TOO_OLD, "after"))
    if feed.is_older_than(place_of(cursor)):
        raise Gone(Violation(TOO_NEW, "after"))
