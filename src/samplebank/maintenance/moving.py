"""Copies the bytes of all rows from one blob store to another, while services are at work. A repeat copies what is missing."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from uuid import UUID

import msgspec

from samplebank.blobs import PARTS, Area, Blob, Blobs, Store, stage_verified
from samplebank.database import Database
from samplebank.errors import Damaged, Invalid, NotFound
from samplebank.installation import store as identities
from samplebank.samples import objects

#: files on their way at once, and the most names of files without bytes that are told
AT_ONCE, TOLD = 8, 100
OTHER = "{} is the store of another installation: name another place to copy to."


class Copied(msgspec.Struct):
    """The outcome of a copy. `failed` names files whose bytes are missing or damaged, or were deleted meanwhile."""

    copied: int = 0
    bytes: int = 0
    there: int = 0
    failed: list[str] = msgspec.field(default_factory=list)


async def copy_store(
    database: Database, source: Store, target: Store, identity: UUID, tell: Callable[[int, Copied], None]
) -> Copied:
    """Copy the bytes of all rows from the store of this `identity`, as `check_own` answers the identity.

    `tell` hears of each part in `2 * PARTS`. Raises `Invalid` where the target is another's store.

    The target gets the identity in the end. So no service starts beside a store to which a copy has not come to its end.
    """
    refusal = OTHER.format(target.where)
    if await target.identity() not in {identity, None}:
        raise Invalid(refusal)
    copied = Copied()
    for done, (area, part) in enumerate((area, part) for area in Area for part in range(PARTS)):
        await _copy_part(_Copying(database, source, target, area, copied), part)
        tell(done + 1, copied)
    await identities.settle(target, identity, refusal)
    return copied


async def check_own(database: Database, source: Store) -> UUID:
    """Answer the identity of the store of this installation. Raises `Invalid` where `source` is another store."""
    async with database.connection() as db:
        return await identities.check_own(db, source)


class _Copying(msgspec.Struct, frozen=True):
    database: Database
    source: Blobs
    target: Blobs
    area: Area
    copied: Copied


async def _copy_part(work: _Copying, part: int) -> None:
    last = None if part == PARTS - 1 else bytes((part + 1,))
    async with work.database.connection() as db:
        wanted = await objects.blobs_between(db, work.area, bytes((part,)), last)
    if not wanted:
        return
    there = set(await work.target.list_names(work.area, part, -sys.maxsize))
    missing = [blob for blob in wanted if not _is_there(work.target, blob, there)]
    work.copied.there += len(wanted) - len(missing)
    for first in range(0, len(missing), AT_ONCE):
        await _copy_some(work, missing[first : first + AT_ONCE])


async def _copy_some(work: _Copying, blobs: Sequence[Blob]) -> None:
    for blob, size in zip(blobs, await asyncio.gather(*(_copy(work, blob) for blob in blobs)), strict=True):
        if size is None:
            work.copied.failed.append(f"{work.area}/{blob.sha256.hex()}")
        else:
            work.copied.copied += 1
            work.copied.bytes += size


def _is_there(target: Blobs, blob: Blob, there: set[Blob]) -> bool:
    if not target.has_tokens:
        return Blob(blob.sha256) in there
    return blob.token is not None and blob in there


async def _copy(work: _Copying, blob: Blob) -> int | None:
    """Copy the bytes of a row, and name the new object in the row. The size; None where the bytes are not to be had."""
    try:
        staged = await stage_verified(work.source, work.target, work.area, blob.sha256)
    except (NotFound, Damaged):
        return None
    try:
        await staged.keep(blob.token)
        if work.target.has_tokens and blob.token is None:
            async with work.database.connection() as db:
                await objects.adopt(db, work.area, staged.digests)
    finally:
        await staged.discard()
    return staged.digests.size
