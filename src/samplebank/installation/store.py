"""The identity of the blob store: stored in the database, and in the mark of the store."""

from typing import NamedTuple
from uuid import UUID

from samplebank.blobs import Blobs, Store
from samplebank.database import Connection
from samplebank.errors import Invalid, Unavailable

#: held while a service finds out which store the database has: two first starts must not mark a store each
LOCK = f"SELECT pg_advisory_lock({0x5A4B_0007})"
FIND = "SELECT store_id AS identity, store_is_marked AS is_marked FROM installation"
NAME = "UPDATE installation SET store_id = $1, store_is_marked = false"
NOTE_MARKED = "UPDATE installation SET store_is_marked = true"
OTHER = (
    "The blob store of this host is not the store of the database: SAMPLEBANK_BLOB_URL has to name the same store on "
    "every host."
)
LOST = (
    "The blob store of this host holds no identity (samplebank-store): its disk may not be mounted, or SAMPLEBANK_BLOB_URL "
    "names another place."
)
FOREIGN = "{} is not the store of this installation: name the store of this database."
UNMARKED = (
    "{} is not the store of this installation, or has lost its samplebank-store: mount the disk of the blobs, or name the store "
    "of this database. If the bytes are here all the same, write {} into samplebank-store there."
)


class Known(NamedTuple):
    """What the database knows of its store. `identity` is None before the first start with this store."""

    identity: UUID | None
    is_marked: bool


async def lock(db: Connection) -> None:
    """Wait until no other service looks for the store of the database. The lock ends with the session."""
    await db.execute(LOCK)


async def find(db: Connection) -> Known:
    row = await db.fetchrow(FIND)
    return Known(identity=None, is_marked=False) if row is None else Known(**row)


async def name(db: Connection, identity: UUID) -> None:
    """Give the store an identity that the store does not hold yet."""
    await db.execute(NAME, identity)


async def note_marked(db: Connection) -> None:
    """Note that the store holds its identity."""
    await db.execute(NOTE_MARKED)


async def settle(store: Store, identity: UUID, refusal: str) -> None:
    """Give the identity to a store without one. Raises `Invalid` with the refusal where the store has another."""
    own = await store.identity()
    if own is None:
        await store.make_mark(identity)
    elif own != identity:
        raise Invalid(refusal)


async def check(known: Known, blobs: Blobs) -> None:
    """Raise `Unavailable` where `blobs` is not the store that the database knows."""
    if known.identity is None:
        return
    own = await blobs.identity()
    if own != known.identity:
        raise Unavailable(LOST if own is None else OTHER)


async def check_own(db: Connection, store: Store) -> UUID:
    """Answer the identity of the store that the database knows. Raises `Invalid` where `store` is another store."""
    known = (await find(db)).identity
    own = await store.identity()
    if known is None or own not in {known, None}:
        raise Invalid(FOREIGN.format(store.where))
    if own is None:
        raise Invalid(UNMARKED.format(store.where, known))
    return known
