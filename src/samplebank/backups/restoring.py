"""Restores a backup into an empty installation: the files first, then the database in one transaction, then the rest.

A note in the data folder tells an interrupted restore. The database comes in one piece. So a repeated restore either begins
anew, or finds the whole database and does what is left.
"""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from samplebank.assembly import make_data_folder
from samplebank.backups import dumping, schemas, target
from samplebank.backups.filling import ADOPT, fill
from samplebank.backups.making import Progress
from samplebank.backups.manifest import BLOBS, DUMP, OTHERS, Manifest
from samplebank.backups.note import Note, read_note, remove_note, write_note
from samplebank.backups.place import BackupFolder
from samplebank.backups.sessions import alone
from samplebank.backups.target import Found
from samplebank.blobs import Store
from samplebank.database.migrations import upgrade
from samplebank.errors import Conflict, Damaged, Invalid
from samplebank.events import feed
from samplebank.files import sync
from samplebank.settings import Settings
from samplebank.stores import NO_TOKENS, closing_store, store_at

CREDENTIALS = "credentials.toml"
USED_DATABASE = (
    "The database has tables: a restore needs an empty installation. Name a new data folder in SAMPLEBANK_DATA_DIR, or an "
    "empty database in SAMPLEBANK_DATABASE_URL."
)
USED_STORE = (
    "{} is in use: a restore needs an empty blob store. Name a new data folder in SAMPLEBANK_DATA_DIR, or another folder, "
    "bucket or prefix in SAMPLEBANK_BLOB_URL."
)
OLD_SERVER = "The backup is of PostgreSQL {}, and the database here is a PostgreSQL {}: restore into a PostgreSQL {}, or newer."
HALF = (
    "The database here is of the backup {}, whose restore was interrupted: repeat this restore with --at, or empty the "
    "database and the blob store."
)


class Chosen(NamedTuple):
    """The backup that is restored."""

    backups: BackupFolder
    path: Path
    manifest: Manifest


def restore_backup(settings: Settings, chosen: Chosen, tell: Callable[[Progress], None]) -> None:
    """Restore a checked backup. Raises `Conflict`, `Invalid`, `Unavailable` and `Damaged`, and nothing is restored then."""
    found = target.not_made_yet(settings)
    if found is None:
        with target.running(settings) as url:
            found = asyncio.run(target.look(settings, url))
    if found.major < chosen.manifest.postgres:
        major = chosen.manifest.postgres
        raise Invalid(OLD_SERVER.format(major, found.major, major))
    make_data_folder(settings)
    has_database = asyncio.run(_bring_files(settings, chosen, found, tell))
    with target.running(settings) as url:
        if not has_database:
            asyncio.run(_bring_database(url, found, chosen))
        asyncio.run(_lead_to_tables(url))
        upgrade(url)
        asyncio.run(_finish(settings, chosen, url))
    _bring_others(settings, chosen)
    remove_note(settings.folder)


async def _bring_files(
    settings: Settings, chosen: Chosen, found: Found, tell: Callable[[Progress], None]
) -> bool:
    """Bring the stored files back. Whether the database is there already, by a restore that was interrupted later."""
    async with closing_store(store_at(settings, settings.blob_url, NO_TOKENS)) as store:
        said = chosen.manifest
        note = Note(said.dump.sha256, chosen.path.name, store.where, found.name)
        if await _has_database(settings, note, store, found):
            return True
        write_note(settings.folder, note)
        try:
            await fill(store, chosen.backups.store(), chosen.path / BLOBS, Progress(files=said.files), tell)
        except Damaged:
            remove_note(settings.folder)
            raise
    return False


async def _has_database(settings: Settings, note: Note, store: Store, found: Found) -> bool:
    """Whether an interrupted restore of this backup has brought the database. Raises `Conflict` for an installation in use."""
    left = read_note(settings.folder)
    is_ours = left is not None and (left.store, left.database) == (note.store, note.database)
    if left is None or not is_ours:
        if found.has_tables:
            raise Conflict(USED_DATABASE)
        if await store.has_mark() or not await store.is_empty():
            raise Conflict(USED_STORE.format(store.where))
        return False
    if found.has_tables and left.dump != note.dump:
        raise Conflict(HALF.format(left.backup))
    if not found.has_tables and await store.has_mark():  # which comes after the database
        raise Conflict(USED_STORE.format(store.where))
    return found.has_tables


async def _bring_database(url: str, found: Found, chosen: Chosen) -> None:
    async with alone(url) as db:
        there = await schemas.names(db)
    await dumping.restore(url, found.major, chosen.path / DUMP, there)


async def _lead_to_tables(url: str) -> None:
    async with alone(url) as db:
        await schemas.lead_to_tables(db)


async def _finish(settings: Settings, chosen: Chosen, url: str) -> None:
    """Tie files and database together. May be repeated."""
    async with closing_store(store_at(settings, settings.blob_url, NO_TOKENS)) as store, alone(url) as db:
        async with db.transaction():
            for statement in ADOPT if store.has_tokens else ():
                await db.execute(statement)
            # cursors of readers may be of a later time than the backup
            await feed.begin_anew(db)
        if await store.identity() is None:
            await store.make_mark(chosen.manifest.identity)
        # a dump has no statistics, without which the first searches are slow
        await db.execute("ANALYZE")


def _bring_others(settings: Settings, chosen: Chosen) -> None:
    """Bring the keys of the first start back, unless the data folder has a file of keys."""
    kept, path = chosen.path / OTHERS / CREDENTIALS, settings.folder / CREDENTIALS
    if kept.exists() and not path.exists():
        shutil.copyfile(kept, path)
        sync(path)
        sync(path.parent)
