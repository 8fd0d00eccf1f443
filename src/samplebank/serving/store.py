"""Tells the blob store of a database from any other folder in the place of the store, when the service starts."""

from contextlib import suppress
from uuid import UUID, uuid4

from samplebank.blobs import DiskStore
from samplebank.blobs.mark import NAME
from samplebank.database import Connection
from samplebank.database.connection import connect_alone
from samplebank.database.failures import TROUBLE
from samplebank.errors import Invalid
from samplebank.installation import store as identities
from samplebank.samples.catalogue import is_any_stored

#: held while a service finds out which store the database has: two first starts must not mark a store each
LOCK = 0x5A4B_0007
EMPTY = (
    "The blob folder {folder} is empty, but the database knows samples: mount the disk of the blobs, or name their folder "
    "in SAMPLEBANK_BLOB_URL. If all bytes are lost, make an empty file {name} in the blob folder."
)
UNMARKED = (
    "The blob folder {folder} is not the store of this database: its file {name} does not hold {known}. Mount the disk of "
    "the blobs, or name their folder in SAMPLEBANK_BLOB_URL, the same for every host. If the bytes are here all the same, "
    "or lost, write {known} into this file."
)
OTHER = (
    "The blob folder {folder} is the store {own}, but the database has the store {known}: name the folder of that store in "
    "SAMPLEBANK_BLOB_URL, or the database of this store in SAMPLEBANK_DATABASE_URL."
)
FOREIGN = (
    "The blob folder {folder} is the store of another installation, and this database knows no samples: name another "
    "folder in SAMPLEBANK_BLOB_URL, or the database of this store in SAMPLEBANK_DATABASE_URL. If that database is lost, "
    "remove the file {name} from the folder. Bytes that no sample of this database has are removed a day later."
)


async def mark_store(store: DiskStore, database_url: str) -> None:
    """Give the store an identity at its first start. Raises `Invalid` when the store of this database must be elsewhere."""
    db = await connect_alone(database_url)
    try:
        await db.execute("SELECT pg_advisory_lock($1)", LOCK)
        known = await identities.find(db)
        if known.identity is None:
            # The database first: a start that breaks off here is not taken for another installation by the next start.
            await identities.name(db, await _choose(db, store))
            known = await identities.find(db)
        _check(store, known)
        if not known.is_marked and known.identity is not None:
            store.mark.make(known.identity)
            await identities.note_marked(db)
    finally:
        with suppress(*TROUBLE):
            await db.close(timeout=2)


async def _choose(db: Connection, store: DiskStore) -> UUID:
    """Choose the identity of a store that the database does not know."""
    own, has_samples = store.mark.identity(), await is_any_stored(db)
    if own is not None and not has_samples:
        raise Invalid(FOREIGN.format(folder=store.folder, name=NAME))
    if has_samples and not store.mark.is_there() and store.is_empty():
        raise Invalid(EMPTY.format(folder=store.folder, name=NAME))
    return own or uuid4()


def _check(store: DiskStore, known: identities.Known) -> None:
    own = store.mark.identity()
    if own == known.identity or (own is None and not known.is_marked):
        return
    said = UNMARKED if own is None else OTHER
    raise Invalid(said.format(folder=store.folder, name=NAME, known=known.identity, own=own))
