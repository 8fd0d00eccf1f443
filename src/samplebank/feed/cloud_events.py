"""Events in the form of CloudEvents 1.0, and the reader who may see all events of the installation."""

from hashlib import blake2b
from typing import Final
from uuid import UUID

import msgspec

from samplebank import timespec
from samplebank.accounts.caller import Caller, Scope
from samplebank.accounts.model import Customer, Domain, Permission, Subject
from samplebank.events.feed import Feed
from samplebank.feed.kinds import KINDS
from samplebank.timespec import Millis

#: bytes of the id of an event
ID_SIZE: Final = 16
#: Sees all rows of all customers, as the operator does. No user has these permissions by this name.
INSTALLATION: Final = Caller(
    user=Subject(0, "user", "", "", Customer(0, "", "", Domain(0, ""), None)),
    groups=(),
    scopes=dict.fromkeys(frozenset(Permission) - {Permission.WORK_ON_CLAIMS}, Scope(everywhere=True)),
)


class CloudEvent(msgspec.Struct, frozen=True):
    """An event of CloudEvents 1.0. `subject` is the SHA-256 of the sample."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    datacontenttype: str
    data: msgspec.Raw


def cloud_event(
    feed: Feed, id_: int, kind: str, time: Millis, *, sha256: bytes, data: msgspec.Raw
) -> CloudEvent:
    return CloudEvent(
        specversion="1.0",
        id=id_of(feed, id_),
        source=f"urn:uuid:{feed.identity}",
        type=KINDS[kind].type,
        subject=sha256.hex(),
        time=timespec.iso(time),
        datacontenttype="application/json",
        data=data,
    )


def id_of(feed: Feed, number: int) -> str:
    """The id of an event for readers: always the same for the event, and silent about how many events there are."""
    return keyed(feed.secret, b"event", number.to_bytes(8, "big"), ID_SIZE).hex()


def keyed(secret: UUID, purpose: bytes, content: bytes, size: int) -> bytes:
    """A digest that nobody can make without the secret of the feed."""
    return blake2b(content, digest_size=size, key=secret.bytes, person=purpose).digest()
