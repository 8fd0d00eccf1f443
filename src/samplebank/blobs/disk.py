"""Blobs as files: `sample/ab/ab12…`. A file is written and synced elsewhere, then renamed; last, its folder is synced."""

import asyncio
import hashlib
import os
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from samplebank.blobs.folder import Folder
from samplebank.blobs.mark import Mark
from samplebank.blobs.reading import read_all
from samplebank.blobs.room import BLOBS, Room
from samplebank.blobs.store import MISSING, Address, Area, Blob, Digests
from samplebank.blobs.writing import (
    SCARCE,
    Gathering,
    PendingBytes,
    Writing,
    digests_of,
    to_the_end,
    write_all,
    write_probe,
    write_stream,
)
from samplebank.errors import NotFound, Unavailable
from samplebank.files import close_to_others, make_lasting_folder, sync

READ_PIECE = 256 * 1024


class DiskStore:
    """A blob store in `folder`. Incomplete uploads take about `scarce` bytes of memory together.

    Uploads leave `reserve` bytes free, for what else writes there: on the store's own disk, and on those that `others` are on.
    """

    has_tokens = False

    def __init__(
        self,
        folder: Path,
        *,
        scarce: int = SCARCE,
        reserve: int = 0,
        others: Mapping[str, Path] | None = None,
    ) -> None:
        self.folder = folder
        self.mark = Mark(folder)
        self._room = Room({BLOBS: folder, **(others or {})}, reserve)
        self._staging = folder / "staging"
        self._gathered = PendingBytes(scarce)

    @property
    def where(self) -> str:
        """The store in words, for messages to the operator."""
        return f"The blob folder {self.folder}"

    def prepare(self) -> None:
        """Make the folders. They are made once and synced, so that no upload has to."""
        make_lasting_folder(self._staging)
        close_to_others(self.folder)
        for area in Area:
            for prefix in range(256):
                (self.folder / area / f"{prefix:02x}").mkdir(parents=True, exist_ok=True)
            sync(self.folder / area)
        sync(self.folder)
        self.mark.is_there()  # which the store remembers

    async def close(self) -> None:
        """A folder has no connections."""

    async def identity(self) -> UUID | None:
        return await asyncio.to_thread(self.mark.identity)

    async def has_mark(self) -> bool:
        return await asyncio.to_thread(self.mark.is_there)

    async def is_empty(self) -> bool:
        return not await asyncio.to_thread(any, self.folder.glob(f"{Area.SAMPLE}/*/*"))

    async def make_mark(self, identity: UUID) -> None:
        await asyncio.to_thread(self.mark.make, identity)

    def path(self, area: Area, sha256: bytes) -> Path:
        name = sha256.hex()
        return self.folder / f"{area}/{name[:2]}/{name}"

    async def stage(self, area: Area, chunks: AsyncIterator[bytes], most: int) -> "StagedFile":
        self.mark.check()
        self._room.check()
        gathering = Gathering(chunks, most, self._gathered)
        pieces = gathering.pieces()
        first = await anext(pieces)
        path = self._staging / secrets.token_hex(16)
        if gathering.is_complete:
            digests = await digests_of(first)
            return StagedFile(path, self.path(area, digests.sha256), digests, first)
        writing = Writing(path)
        adding = writing.add(first)
        del first  # frees the piece once the piece is written, however long the next piece takes
        digests = await write_stream(writing, adding, pieces)
        return StagedFile(path, self.path(area, digests.sha256), digests, None)

    async def read(
        self,
        area: Area,
        sha256: bytes,
        start: int = 0,
        length: int | None = None,
    ) -> AsyncGenerator[bytes, None]:
        file = await asyncio.to_thread(self._open, area, sha256)
        try:
            await asyncio.to_thread(file.seek, start)
            left = length
            while left is None or left > 0:
                # To the end: if the file were closed under a running read, its descriptor could be another file's by then.
                piece = await to_the_end(file.read, READ_PIECE if left is None else min(READ_PIECE, left))
                if not piece:
                    return
                left = None if left is None else left - len(piece)
                yield piece
        finally:
            file.close()

    async def addresses(self, area: Area, sha256s: Sequence[bytes]) -> dict[bytes, Address]:  # noqa: ARG002 for buckets
        return {}

    async def whole(self, area: Area, sha256s: Sequence[bytes]) -> list[bytes | None]:
        found = await asyncio.to_thread(read_all, [self.path(area, sha256) for sha256 in sha256s])
        if None in found:
            self.mark.check()
        return found

    def _open(self, area: Area, sha256: bytes) -> BinaryIO:
        try:
            return self.path(area, sha256).open("rb", buffering=0)
        except FileNotFoundError:
            self.mark.check()
            raise NotFound(MISSING) from None

    @asynccontextmanager
    async def files(self, area: Area, sha256s: Sequence[bytes]) -> AsyncIterator[Mapping[bytes, Path]]:
        paths = {sha256: self.path(area, sha256) for sha256 in sha256s}
        found = await asyncio.to_thread(_existing, paths)
        if len(found) < len(paths):
            self.mark.check()
        yield found

    async def is_sound(self, area: Area, sha256: bytes) -> bool:
        return await to_the_end(_is_sound, self.path(area, sha256), sha256)

    async def holds(self, area: Area, sha256: bytes) -> bool:
        return await asyncio.to_thread(self.path(area, sha256).exists)

    async def remove(self, area: Area, sha256: bytes, token: bytes | None = None) -> None:  # noqa: ARG002 names objects
        # To the end: a cancelled caller gives up the lock against uploads of the same bytes, but the thread goes on.
        await to_the_end(self._remove, self.path(area, sha256))

    def _remove(self, path: Path) -> None:
        """Remove a file. Raises `Unavailable` where the whole store is away: bytes on a disk that is not mounted are not gone."""
        self.mark.check()
        try:
            _remove(path, self.folder)
        except OSError:
            self._try_to_write()
            raise

    async def list_names(self, area: Area, prefix: int, older_than: float) -> list[Blob]:
        folder = self.folder / area / f"{prefix:02x}"
        names = await asyncio.to_thread(list_old, folder, time.time() - older_than)
        return [blob for name in names if (blob := Blob.found(name, prefix))]

    async def sweep(self, older_than: float) -> int:
        names = await asyncio.to_thread(list_old, self._staging, time.time() - older_than)
        for name in names:
            await asyncio.to_thread((self._staging / name).unlink, missing_ok=True)
        return len(names)

    async def check(self) -> None:
        self.mark.check()
        self._room.check()
        await asyncio.to_thread(self._try_to_write)

    def _try_to_write(self) -> None:
        for area in Area:
            if not (self.folder / area).is_dir():
                raise Unavailable(f"The blob store has lost its folder {area}.")
        try:
            write_probe(self._staging)
        except OSError as error:
            raise Unavailable(f"The blob store cannot be written: {error.strerror}.") from error

    def free_bytes(self) -> dict[str, int]:
        return self._room.free_bytes()

    def free_files(self) -> dict[str, int]:
        return self._room.free_files()


class StagedFile:
    """Complete bytes: a small file in memory, a larger file written and synced in the staging folder."""

    def __init__(self, path: Path, target: Path, digests: Digests, unwritten: bytearray | None) -> None:
        self._path = path
        self._target = target
        self._unwritten = unwritten
        self._held: Folder | None = None
        self.digests = digests

    async def keep(self, known: bytes | None = None) -> None:  # noqa: ARG002 names an object
        if self._held is None:
            await to_the_end(self._keep)

    async def discard(self) -> None:
        if self._held is not None:
            self._held.close()
        elif self._unwritten is None:
            await asyncio.to_thread(self._path.unlink, missing_ok=True)

    def _keep(self) -> None:
        """Name the bytes, in one thread from the first write to the last sync, and hold the lock of the folder."""
        folder = _folder_of(self._target)
        try:
            folder.lock_shared()
            # Bytes kept before were synced before the name could be seen. The disk may have damaged the bytes since. So
            # a small file is compared with the stored file, and a large file, already written, replaces the stored file.
            if self._unwritten is None or not self._is_there(self._unwritten):
                if self._unwritten is not None:
                    _write_synced(self._path, self._unwritten)
                self._path.rename(self._target)
            folder.sync()
        except BaseException:
            folder.close()
            self._path.unlink(missing_ok=True)
            raise
        self._held = folder

    def _is_there(self, content: bytearray) -> bool:
        try:
            return self._target.stat().st_size == len(content) and self._target.read_bytes() == content
        except FileNotFoundError:
            return False


def _folder_of(path: Path) -> Folder:
    """The folder of a file. A folder that was lost alone is made again, and is on the disk before this returns."""
    try:
        return Folder(path.parent)
    except FileNotFoundError:
        path.parent.mkdir(exist_ok=True)
        sync(path.parent.parent)
        return Folder(path.parent)


def _write_synced(path: Path, content: bytearray) -> None:
    """Write and sync a file in the same call, so that no other call has to sync."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_SYNC, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        write_all(file, content)


def _is_sound(path: Path, sha256: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest() == sha256
    except OSError:  # missing, or on an unreadable part of the disk
        return False


def _existing(paths: Mapping[bytes, Path]) -> dict[bytes, Path]:
    return {sha256: path for sha256, path in paths.items() if path.exists()}


def _remove(path: Path, store: Path) -> None:
    if not path.parent.is_dir():
        return
    with closing(Folder(store)) as everything, closing(Folder(path.parent)) as folder:
        everything.lock_against_backups()
        folder.lock()
        path.unlink(missing_ok=True)
        folder.sync()


def list_old(folder: Path, before: float) -> list[str]:
    """The names of the files that were changed before. A file that goes meanwhile is passed over: other hosts look as well.

    A folder is passed over as well: no upload makes one, but the root of a file system has its `lost+found`.
    """
    old = []
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.stat().st_mtime < before and not entry.is_dir(follow_symlinks=False):
                    old.append(entry.name)
    return old
