"""Blobs as files: `sample/ab/ab12…`. A file is written beside, synced, then renamed, then its folder is synced."""

import asyncio
import hashlib
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from samplebank.blobs.store import Area, Digests
from samplebank.errors import NotFound, TooLarge, Unavailable

#: bytes gathered before they are hashed and written in a thread
PIECE = 1024 * 1024
READ_PIECE = 256 * 1024


class DiskStore:
    """A blob store in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._staging = folder / "staging"

    def prepare(self) -> None:
        """Make the folders. They are made once and synced, so that no upload has to."""
        self._staging.mkdir(parents=True, exist_ok=True)
        for area in Area:
            for prefix in range(256):
                (self.folder / area / f"{prefix:02x}").mkdir(parents=True, exist_ok=True)
            _sync_folder(self.folder / area)
        _sync_folder(self.folder)

    def path(self, area: Area, sha256: bytes) -> Path:
        name = sha256.hex()
        return self.folder / area / name[:2] / name

    async def stage(self, area: Area, chunks: AsyncIterator[bytes], most: int) -> "StagedFile":
        writing = _Writing(self._staging / secrets.token_hex(16))
        gathered = bytearray()
        try:
            async for chunk in chunks:
                gathered += chunk
                _check_size(writing.size + len(gathered), most)
                if len(gathered) >= PIECE:
                    await asyncio.to_thread(writing.write, gathered)
                    gathered = bytearray()
            digests = await asyncio.to_thread(writing.finish, gathered)
        except BaseException:
            await asyncio.shield(asyncio.to_thread(writing.abandon))
            raise
        return StagedFile(writing.path, self.path(area, digests.sha256), digests)

    async def read(
        self,
        area: Area,
        sha256: bytes,
        start: int = 0,
        length: int | None = None,
    ) -> AsyncIterator[bytes]:
        file = await asyncio.to_thread(self._open, area, sha256)
        try:
            await asyncio.to_thread(file.seek, start)
            left = length
            while left is None or left > 0:
                piece = await asyncio.to_thread(
                    file.read, READ_PIECE if left is None else min(READ_PIECE, left)
                )
                if not piece:
                    return
                left = None if left is None else left - len(piece)
                yield piece
        finally:
            file.close()

    def _open(self, area: Area, sha256: bytes) -> BinaryIO:
        try:
            return self.path(area, sha256).open("rb", buffering=0)
        except FileNotFoundError:
            raise NotFound("The bytes of this file are no longer stored.") from None

    @asynccontextmanager
    async def local(self, area: Area, sha256: bytes) -> AsyncIterator[Path]:
        path = self.path(area, sha256)
        if not await asyncio.to_thread(path.exists):
            raise NotFound("The bytes of this file are no longer stored.")
        yield path

    async def holds(self, area: Area, sha256: bytes) -> bool:
        return await asyncio.to_thread(self.path(area, sha256).exists)

    async def remove(self, area: Area, sha256: bytes) -> None:
        removal = asyncio.ensure_future(asyncio.to_thread(_remove, self.path(area, sha256)))
        try:
            await asyncio.shield(removal)
        except asyncio.CancelledError:
            # The thread goes on, and whoever cancels gives up the lock that keeps uploads of the same bytes away.
            await removal
            raise

    async def list_names(self, area: Area, prefix: int, older_than: float) -> list[bytes]:
        folder = self.folder / area / f"{prefix:02x}"
        names = await asyncio.to_thread(_list_old, folder, time.time() - older_than)
        return [bytes.fromhex(name) for name in names]

    async def sweep(self, older_than: float) -> int:
        names = await asyncio.to_thread(_list_old, self._staging, time.time() - older_than)
        for name in names:
            await asyncio.to_thread((self._staging / name).unlink, missing_ok=True)
        return len(names)

    async def check(self) -> None:
        if not await asyncio.to_thread(os.access, self._staging, os.W_OK | os.X_OK):
            raise Unavailable("The blob store cannot be written.")


class StagedFile:
    """A file in the staging folder, complete and synced."""

    def __init__(self, path: Path, target: Path, digests: Digests) -> None:
        self._path = path
        self._target = target
        self.digests = digests
        self._kept = False

    async def keep(self) -> None:
        if not self._kept:
            await asyncio.to_thread(_rename, self._path, self._target)
            self._kept = True

    async def discard(self) -> None:
        if not self._kept:
            await asyncio.to_thread(self._path.unlink, missing_ok=True)


class _Writing:
    """A file while it is written. Its methods run in a thread, one at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._file: BinaryIO | None = None
        self._hashes = [
            hashlib.new(name, usedforsecurity=False) for name in ("md5", "sha1", "sha256", "sha512")
        ]

    def write(self, piece: bytes | bytearray) -> None:
        if self._file is None:
            self._file = self.path.open("xb", buffering=0)
        for digest in self._hashes:
            digest.update(piece)
        view = memoryview(piece)
        while view:
            view = view[self._file.write(view) :]
        self.size += len(piece)

    def finish(self, rest: bytes | bytearray) -> Digests:
        self.write(rest)
        if self._file is not None:
            os.fsync(self._file.fileno())
            self._file.close()
        md5, sha1, sha256, sha512 = (digest.digest() for digest in self._hashes)
        return Digests(md5, sha1, sha256, sha512, self.size)

    def abandon(self) -> None:
        if self._file is not None:
            self._file.close()
            self.path.unlink(missing_ok=True)


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise TooLarge(f"The body is larger than {most} bytes, which is the most that is taken.")


def _rename(path: Path, target: Path) -> None:
    path.rename(target)
    _sync_folder(target.parent)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _list_old(folder: Path, before: float) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if entry.stat().st_mtime < before]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
