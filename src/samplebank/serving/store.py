"""Tells the blob store of a database from any other folder in the place of the store, when the service starts."""

import asyncio
import logging
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from uuid import UUID, uuid4

from samplebank.blobs import Store
from samplebank.blobs.away import for_operator
from samplebank.blobs.mark import NAME
from samplebank.database import Connection
from samplebank.database.connection import connect_alone
from samplebank.database.failures import TROUBLE
from samplebank.errors import Invalid, Unavailable
from samplebank.installation import store as identities
from samplebank.samples.catalogue import is_any_stored
from samplebank.settings import Settings
from samplebank.stores import NO_TOKENS, blob_store

log = logging.getLogger("samplebank.serving")
EMPTY = (
    "{where} is empty, but the database knows samples: mount the disk of the blobs, or name their folder "
    "in SAMPLEBANK_BLOB_URL. If all bytes are lost, make an empty file {name} in the blob folder."
)
UNMARKED = (
    "{where} is not the store of this database: its file {name} does not hold {known}. Mount the disk of "
    "the blobs, or name their folder in SAMPLEBANK_BLOB_URL, the same for every host. If the bytes are here all the same, "
    "or lost, write {known} into this file."
)
OTHER = "{where} is the store {own}, but the database has the store {known}: name that store in SAMPLEBANK_BLOB_URL, or the database of this store in SAMPLEBANK_DATABASE_URL."
FOREIGN = (
    "{where} is the store of another installation, and this database knows no samples: name another "
    "folder in SAMPLEBANK_BLOB_URL, or the database of this store in SAMPLEBANK_DATABASE_URL. If that database is lost, "
    "remove the file {name} from the folder. Bytes that no sample of this database has are removed a day later."
)


#: the same for a bucket
IN_BUCKET = {
    EMPTY: (
        "{where} is empty, but the database knows samples: name the bucket and prefix of the blobs in SAMPLEBANK_BLOB_URL. If "
        "all bytes are lost, make an empty object {name} there."
    ),
    UNMARKED: (
        "{where} is not the store of this database: its object {name} does not hold {known}. Name the bucket and prefix of the "
        "blobs in SAMPLEBANK_BLOB_URL, the same for every host. `samplebank blobs copy` moves a store here. If the bytes are "
        "here all the same, or lost, write {known} into this object."
    ),
    FOREIGN: (
        "{where} is the store of another installation, and this database knows no samples: name another bucket or prefix in "
        "SAMPLEBANK_BLOB_URL, or the database of this store in SAMPLEBANK_DATABASE_URL. If that database is lost, remove the "
        "object {name}. Bytes that no sample of this database has are removed a day later."
    ),
}


def mark_store(settings: Settings, database_url: str) -> None:
    """Give the store an identity at its first start. Raises `Invalid` when the store of this database must be elsewhere.

    The threads of an S3 client do not survive a fork, and web processes begin as copies of this process. So another process
    talks to the store.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as apart:
        apart.submit(_mark, settings, database_url).result()


def _mark(settings: Settings, database_url: str) -> None:
    store = blob_store(settings, NO_TOKENS)
    try:
        asyncio.run(_mark_and_try(store, database_url))
    except Unavailable as error:
        raise Unavailable(f"{store.where} cannot be used. {for_operator(error)}") from None


async def _mark_and_try(store: Store, database_url: str) -> None:
    await mark(store, database_url)
    await try_to_write(store)


async def try_to_write(store: Store) -> None:
    """Tell the operator when the store takes no bytes. The service starts all the same: samples can be read."""
    try:
        await store.check()
    except Unavailable as error:
        log.warning("blobs.not_writable", extra={"fields": {"store": store.where, "why": error}})


async def mark(store: Store, database_url: str) -> None:
    """As `mark_store`, in this process."""
    db = await connect_alone(database_url)
    try:
        await identities.lock(db)
        known = await identities.find(db)
        if known.identity is None:
            # The database first: a start that breaks off here is not taken for another installation by the next start.
            await identities.name(db, await _choose(db, store))
            known = await identities.find(db)
        await _check(store, known)
        if not known.is_marked and known.identity is not None:
            await store.make_mark(known.identity)
            await identities.note_marked(db)
    finally:
        with suppress(*TROUBLE):
            await db.close(timeout=2)


async def _choose(db: Connection, store: Store) -> UUID:
    """Choose the identity of a store that the database does not know."""
    own, has_samples = await store.identity(), await is_any_stored(db)
    if own is not None and not has_samples:
        raise _refusal(FOREIGN, store)
    if has_samples and not await store.has_mark() and await store.is_empty():
        raise _refusal(EMPTY, store)
    return own or uuid4()


async def _check(store: Store, known: identities.Known) -> None:
    own = await store.identity()
    if own == known.identity or (own is None and not known.is_marked):
        return
    said = UNMARKED if own is None else OTHER
    raise _refusal(said, store, known=known.identity, own=own)


def _refusal(said: str, store: Store, **more: object) -> Invalid:
    words = IN_BUCKET.get(said, said) if store.has_tokens else said
    return Invalid(words.format(where=store.where, name=NAME, **more))
