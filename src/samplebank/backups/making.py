"""Makes a backup: removals are held back, a snapshot is dumped and its files are listed, the files are copied, the folder is named.

The snapshot is taken after the last removal. So each row of the dump has its bytes in the store until the backup ends. The
transaction of the snapshot ends with the dump: the database need not keep old rows for as long as the files are copied.
"""

import asyncio
import shutil
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import msgspec

from samplebank.backups import manifest, schemas
from samplebank.backups.copying import GivenTokens, Giver, GivingBucket, GivingFolder, copy_batch
from samplebank.backups.dumping import dump
from samplebank.backups.listing import ListFile, list_stored, read_list
from samplebank.backups.manifest import BLOBS, DUMP, FORMAT, MISSING, OTHERS, Manifest, Summed
from samplebank.backups.place import BackupFolder
from samplebank.backups.sessions import alone
from samplebank.blobs import DiskStore, Store
from samplebank.database import Connection
from samplebank.database.failures import TROUBLE
from samplebank.database.migrations import HEAD
from samplebank.errors import Unavailable
from samplebank.files import sync, sync_everything_on_disk_of
from samplebank.installation import removals
from samplebank.installation import store as identities
from samplebank.settings import Settings
from samplebank.stores import closing_store, store_at

#: lines of the list that is made before the files are copied
ROWS = "rows.list"
NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
COUNTS = (
    "SELECT (SELECT count(*) FROM sample WHERE deleted_time IS NULL) AS samples,"
    " (SELECT count(*) FROM submission) AS submissions, (SELECT count(*) FROM job) AS jobs"
)
OTHER = "{} holds the backups of another installation: name another folder."
BROKEN = (
    "The database ended the session that held removals back, so the backup may lack files, and stays partial: repeat the "
    "command."
)
#: names of missing files that are told
TOLD = 100


class Progress(msgspec.Struct):
    """How far a backup or a restore is."""

    #: bytes of the dump
    dumped: int = 0
    #: files that were looked at, of so many
    done: int = 0
    files: int = 0
    #: files that were copied
    copied: int = 0


class Made(NamedTuple):
    """A complete backup."""

    path: Path
    manifest: Manifest
    #: files that were copied; the others were there from backups before
    copied: int
    #: some of the files that are missing or damaged in the installation
    missing: list[str]


class _Work(NamedTuple):
    """A backup under way."""

    db: Connection
    settings: Settings
    url: str
    backups: BackupFolder
    tell: Callable[[Progress], None]
    progress: Progress


async def make_backup(
    settings: Settings, url: str, backups: BackupFolder, tell: Callable[[Progress], None]
) -> Made:
    """Make a backup of the installation. Raises `Unavailable`, `Conflict` and `Invalid`; an interrupted backup stays partial."""
    async with alone(url) as db:
        await removals.hold_back(db)
        work = _Work(db, settings, url, backups, tell, Progress())
        tokens = GivenTokens()
        async with closing_store(store_at(settings, settings.blob_url, tokens, is_made=True)) as store:
            identity = await identities.check_own(db, store)
            await _settle(backups, identity)
            return await _make(work, _giver(store, tokens), identity)


async def _settle(backups: BackupFolder, identity: UUID) -> None:
    """Give the folder of stored bytes the identity of the installation. Raises `Invalid` where another installation has it."""
    target = backups.store()
    target.prepare()
    await identities.settle(target, identity, OTHER.format(backups.folder))


async def _make(work: _Work, giver: Giver, identity: UUID) -> Made:
    time: int = await work.db.fetchval(NOW)
    path = work.backups.begin(time)
    dumped, counts = await _dump(work, path)
    _keep_others(work.settings, path / OTHERS)
    copied, listed, summed, missing = await _copy(work, giver, path)
    await _check_session(work.db)
    said = Manifest(
        format=FORMAT,
        release=version("samplebank"),
        revision=HEAD,
        identity=identity,
        time=time,
        postgres=work.db.get_server_version().major,
        dump=dumped,
        list=summed,
        files=listed.lines,
        bytes=listed.bytes,
        missing=missing.lines,
        **counts,
    )
    manifest.write(path, said)
    await asyncio.to_thread(sync_everything_on_disk_of, work.backups.folder)
    sync(path)
    told = [one.name for batch in read_list(path / MISSING) for one in batch][:TOLD] if missing.lines else []
    return Made(work.backups.complete_with(path), said, copied, told)


async def _dump(work: _Work, path: Path) -> tuple[Summed, dict[str, int]]:
    """Dump a snapshot, and list the files of its rows."""

    def tell(size: int) -> None:
        work.progress.dumped = size
        work.tell(work.progress)

    async with work.db.transaction(isolation="repeatable_read", readonly=True):
        snapshot = await work.db.fetchval("SELECT pg_export_snapshot()")
        work.progress.files = await list_stored(work.db, path / ROWS)
        counts = dict(await work.db.fetchrow(COUNTS) or {})
        major = work.db.get_server_version().major
        others = await schemas.others(work.db)
        return await dump(work.url, major, snapshot, path / DUMP, tell, others=others), counts


async def _copy(work: _Work, giver: Giver, path: Path) -> tuple[int, ListFile, Summed, ListFile]:
    """Copy the listed files. Answers how many were copied, the list of what is there with its digest, and what is missing."""
    target, listed, missing, copied = (
        work.backups.store(),
        ListFile(path / BLOBS),
        ListFile(path / MISSING),
        0,
    )
    _empty_staging(target)
    for batch in read_list(path / ROWS):
        are_there, new = await copy_batch(giver, target, batch)
        for one, is_there in zip(batch, are_there, strict=True):
            (listed if is_there else missing).add(one)
        copied += new
        work.progress.done += len(batch)
        work.progress.copied = copied
        work.tell(work.progress)
    (path / ROWS).unlink()
    missing.close()
    if not missing.lines:
        (path / MISSING).unlink()
    return copied, listed, listed.close(), missing


def _giver(store: Store, tokens: GivenTokens) -> Giver:
    return GivingFolder(store) if isinstance(store, DiskStore) else GivingBucket(store, tokens)


def _empty_staging(target: DiskStore) -> None:
    """Remove what an interrupted backup had not named yet."""
    for left in (target.folder / "staging").iterdir():
        left.unlink()


def _keep_others(settings: Settings, folder: Path) -> None:
    """Keep the files of the data folder that a restore or an operator needs: keys, and settings as they were written."""
    folder.mkdir(mode=0o700)
    for path in (
        settings.folder / "credentials.toml",
        Path("samplebank.toml"),
        settings.folder / "postgres" / "data" / "postgresql.conf",
    ):
        with suppress(FileNotFoundError):
            copy = folder / path.name
            shutil.copyfile(path, copy)
            sync(copy)


async def _check_session(db: Connection) -> None:
    """Raise `Unavailable` where the locks against removals have ended with the session."""
    try:
        await db.fetchval("SELECT 1")
    except TROUBLE:
        raise Unavailable(BROKEN) from None
