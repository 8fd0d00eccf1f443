"""Cursors of the feed: where a reader stands, as a text that is good for one installation.

Places would tell each reader how much happens to others. So places are sealed with the secret of the feed. And a cursor
that stays the same while nothing happens to anybody would tell when something does. So each cursor is sealed with other
random bytes: two cursors of the same place look as different as cursors of two places.
"""

import base64
import binascii
import secrets
from struct import Struct
from typing import Final
from uuid import UUID

import msgspec

from samplebank.api.seals import PROOF, opened, sealed
from samplebank.errors import Gone, Violation, invalid
from samplebank.events.feed import Feed, Place

#: asks for the events that come from now on
LATEST: Final = "latest"
#: the bytes of the identity of the feed in a cursor
MARK: Final = 6
#: the kind of the seal of a place
PROVEN: Final = b"proof"
PLACE: Final = Struct(">QQQQ")
#: random bytes in a cursor; a cursor of an earlier release has none, and is as good
CHANCE: Final = 9
SIZES: Final = {MARK + PROOF + PLACE.size, MARK + PROOF + PLACE.size + CHANCE}
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
    "This cursor is of a later time than the database, which has come back from a backup, "
    "or from a standby without the newest events. "
    "Look at what you follow afresh by the searches, then read on from `latest`."
)


class Sealed(msgspec.Struct, frozen=True):
    """A cursor as given. Only its feed can open the cursor."""

    mark: bytes
    seal: bytes


def cursor_at(feed: Feed, place: Place) -> str:
    """A cursor for the events behind a place."""
    plain = PLACE.pack(place.since, place.until, place.id, place.last) + secrets.token_bytes(CHANCE)
    return base64.urlsafe_b64encode(_mark(feed.identity) + sealed(feed.secret, PROVEN, plain)).decode()


def read_cursor(after: str | None) -> Sealed | None:
    """Read a cursor, which may be of any feed. None for the beginning, and for the latest. Raises `Invalid`."""
    if after is None or after == LATEST:
        return None
    try:
        raw = base64.b64decode(after.encode(), b"-_", validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    if len(raw) not in SIZES:
        raise invalid("after", UNKNOWN)
    return Sealed(raw[:MARK], raw[MARK:])


def place_of(cursor: Sealed, feed: Feed) -> Place:
    """The place of a cursor. Raises `Invalid` for a cursor of another feed, and for a forged cursor."""
    if cursor.mark != _mark(feed.identity):
        raise invalid("after", OTHER)
    try:
        plain = opened(feed.secret, PROVEN, cursor.seal)
    except ValueError:
        raise invalid("after", UNKNOWN) from None
    return Place(*PLACE.unpack_from(plain))


def check(place: Place, feed: Feed) -> None:
    """Raise `Gone` where events behind the place of a cursor are not there."""
    if feed.has_forgotten_behind(place):
        raise Gone(Violation(TOO_OLD, "after"))
    if feed.is_older_than(place):
        raise Gone(Violation(TOO_NEW, "after"))


def _mark(identity: UUID) -> bytes:
    return identity.bytes[:MARK]
