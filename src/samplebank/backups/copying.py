"""Copies many stored files into a folder, batch by batch: written beside, synced together, then named.

A name in the folder so always has whole bytes, also after a kill or the loss of power. One sync for a batch costs far less
than a sync for each small file. The digest of each file is compared.
"""

import asyncio
import errno
import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from samplebank.backups.listing import Listed
from samplebank.blobs import Area, Blobs, DiskStore, verified
from samplebank.blobs.writing import to_the_end, write_all, write_file
from samplebank.errors import Damaged, NotFound
from samplebank.files import sync_everything_on_disk_of

PIECE = 1024 * 1024
#: objects that are fetched at once
AT_ONCE = 8
#: where files are written before they are named
STAGING = "staging"
#: what says that a single file cannot be read: a file that somebody else brought back, or on a damaged part of the disk
UNREADABLE = {errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.EIO}
#: so far the copy stands behind requests of users, for the processors
NICENESS = 10


class Giver(Protocol):
    """A store from which files are copied."""

    async def fetch(self, wanted: Sequence[tuple[Listed, Path]]) -> list[bool]:
        """Write the files to these paths. Whether each was there, and whole. Raises `Unavailable` where the whole store is away."""


class GivingFolder:
    """A blob folder. Small files are copied in one thread, without a turn of the loop for each."""

    def __init__(self, store: DiskStore) -> None:
        self._store = store

    async def fetch(self, wanted: Sequence[tuple[Listed, Path]]) -> list[bool]:
        return await to_the_end(self._copy, wanted)

    def _copy(self, wanted: Sequence[tuple[Listed, Path]]) -> list[bool]:
        be_nice()
        copied = [
            _copy(self._store.path(one.area, one.blob.sha256), path, one.blob.sha256) for one, path in wanted
        ]
        if not all(copied):
            self._store.mark.check()  # files on a disk that is not mounted are not missing
        return copied


class GivenTokens:
    """The tokens of the files that are fetched at the moment. Rows may have other tokens by now, or may be gone."""

    def __init__(self) -> None:
        self.known: dict[tuple[Area, bytes], bytes] = {}

    async def find(self, area: Area, sha256s: Sequence[bytes]) -> dict[bytes, bytes]:
        return {sha256: token for sha256 in sha256s if (token := self.known.get((area, sha256)))}


class GivingBucket:
    """A store of objects."""

    def __init__(self, store: Blobs, tokens: GivenTokens) -> None:
        self._store = store
        self._tokens = tokens
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def fetch(self, wanted: Sequence[tuple[Listed, Path]]) -> list[bool]:
        self._tokens.known = {
            (one.area, one.blob.sha256): one.blob.token for one, _ in wanted if one.blob.token is not None
        }
        return await asyncio.gather(*(self._fetch(one, path) for one, path in wanted))

    async def _fetch(self, one: Listed, path: Path) -> bool:
        sha256 = one.blob.sha256
        async with self._turns:
            try:
                await write_file(path, verified(self._store.read(one.area, sha256), sha256))
            except (NotFound, Damaged):
                await asyncio.to_thread(path.unlink)
                return False
        return True


async def copy_batch(giver: Giver, target: DiskStore, batch: Sequence[Listed]) -> tuple[list[bool], int]:
    """Copy what is missing in the target. Whether each file is in the target then, and how many were copied."""
    staging = target.folder / STAGING
    missing = {one.name: one for one in batch if not one.is_in(target)}
    wanted = [(one, staging / one.name.replace("/", "-")) for one in missing.values()]
    fetched = await giver.fetch(wanted) if wanted else []
    await to_the_end(_name, target, [one for one, is_whole in zip(wanted, fetched, strict=True) if is_whole])
    failed = {one.name for (one, _), is_whole in zip(wanted, fetched, strict=True) if not is_whole}
    return [one.name not in failed for one in batch], len(wanted) - len(failed)


def be_nice() -> None:
    """Let others come first on the processors. The thread keeps the niceness."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))


def _name(target: DiskStore, written: Sequence[tuple[Listed, Path]]) -> None:
    """Give written files their names when all are on the disk."""
    if not written:
        return
    sync_everything_on_disk_of(target.folder)
    for one, path in written:
        path.rename(target.path(one.area, one.blob.sha256))


def _copy(source: Path, target: Path, sha256: bytes) -> bool:
    """Copy a file. Whether the file could be read and matches its name; if not, no copy is left."""
    digest = hashlib.sha256()
    try:
        giving = source.open("rb", buffering=0)
    except OSError as error:
        if error.errno in UNREADABLE:
            return False
        raise
    with giving, target.open("wb", buffering=0) as taking:
        while piece := _read(giving):
            digest.update(piece)
            write_all(taking, piece)
    if digest.digest() == sha256:
        return True
    target.unlink()
    return False


def _read(file: BinaryIO) -> bytes:
    """Read a piece. Nothing from an unreadable part of the disk: the digest is wrong then."""
    try:
        return file.read(PIECE)
    except OSError:
        return b""
