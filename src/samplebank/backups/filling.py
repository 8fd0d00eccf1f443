"""Brings stored files back from a backup into an empty blob store, and compares each with its digest."""

import asyncio
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from samplebank.backups.copying import AT_ONCE, GivingFolder, copy_batch
from samplebank.backups.listing import Listed, read_list
from samplebank.backups.making import Progress
from samplebank.blobs import PARTS, Area, Blob, DiskStore, Store, stage_verified
from samplebank.errors import Damaged, NotFound
from samplebank.files import sync_everything_on_disk_of

#: bytes of the name that are the token of an object, where the row has none
TOKEN = 8
#: names the objects in rows that name no object
ADOPT = (
    f"UPDATE sample SET blob_token = substr(sha256, 1, {TOKEN}) WHERE deleted_time IS NULL AND blob_token IS NULL",
    f"UPDATE evidence SET blob_token = substr(sha256, 1, {TOKEN}) WHERE blob_token IS NULL",
)
CHANGED = "The stored file {} of the backup is missing or damaged. Nothing was restored: restore another backup with --at."


async def fill(
    store: Store, backup: DiskStore, list_: Path, progress: Progress, tell: Callable[[Progress], None]
) -> None:
    """Bring all listed files back. Raises `Damaged`, and leaves the store empty then."""
    await empty(store)
    try:
        for batch in read_list(list_):
            await _fill_some(store, backup, batch)
            progress.done += len(batch)
            tell(progress)
    except Damaged:
        await empty(store)
        raise
    if isinstance(store, DiskStore):
        await asyncio.to_thread(sync_everything_on_disk_of, store.folder)


async def empty(store: Store) -> None:
    """Remove what an interrupted restore has left in a store that was empty before."""
    if isinstance(store, DiskStore):
        for area in Area:
            await asyncio.to_thread(shutil.rmtree, store.folder / area, ignore_errors=True)
        store.prepare()
        return
    for area in Area:
        for part in range(PARTS):
            for blob in await store.list_names(area, part, -sys.maxsize):
                await store.remove(area, blob.sha256, blob.token)


async def _fill_some(store: Store, backup: DiskStore, batch: Sequence[Listed]) -> None:
    if isinstance(store, DiskStore):
        are_there, _ = await copy_batch(GivingFolder(backup), store, batch)
        for one, is_there in zip(batch, are_there, strict=True):
            if not is_there:
                raise Damaged(CHANGED.format(one.name))
        return
    turns = asyncio.Semaphore(AT_ONCE)
    sent = await asyncio.gather(*(_send(store, backup, one, turns) for one in batch), return_exceptions=True)
    for failure in sent:
        if failure is not None:
            raise failure


async def _send(store: Store, backup: DiskStore, one: Listed, turns: asyncio.Semaphore) -> None:
    """Store a file in the object that its row names, or will name."""
    async with turns:
        try:
            staged = await stage_verified(backup, store, one.area, one.blob.sha256)
        except (NotFound, Damaged):
            raise Damaged(CHANGED.format(one.name)) from None
        try:
            await staged.keep(token_of(one.blob))
        finally:
            await staged.discard()


def token_of(blob: Blob) -> bytes:
    """The token of the object. The row of a backup from a folder names no object, and is given this token (`ADOPT`)."""
    return blob.token or blob.sha256[:TOKEN]
