"""Writing a file: bytes are gathered to pieces, and a piece is hashed and written while the next piece comes."""

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from samplebank.blobs.store import Digests
from samplebank.errors import TooLarge

#: bytes gathered to a piece, which is hashed and written in a thread; each upload holds two pieces at most
PIECE = 1024 * 1024
#: bytes of all uploads from which on pieces are smaller, and the size of the smallest pieces then
SCARCE, SMALLEST = 64 * 1024 * 1024, 64 * 1024
#: bytes after which the kernel is told to start writing, so that the sync in the end does not wait for all bytes
WRITE_OUT = 8 * 1024 * 1024
#: so few bytes are hashed sooner than a thread could be asked to hash
AT_ONCE = 32 * 1024

T = TypeVar("T")


class Hashing:
    """The four digests of bytes that come piece after piece, in two halves that take equally long."""

    def __init__(self) -> None:
        self.size = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        self._sha256 = hashlib.sha256()
        self._sha512 = hashlib.sha512()

    def update(self, piece: bytes | bytearray) -> None:
        self.update_first_half(piece)
        self.update_second_half(piece)

    def update_first_half(self, piece: bytes | bytearray) -> None:
        self._md5.update(piece)
        self._sha1.update(piece)
        self.size += len(piece)

    def update_second_half(self, piece: bytes | bytearray) -> None:
        self._sha256.update(piece)
        self._sha512.update(piece)

    def digests(self) -> Digests:
        return Digests(
            self._md5.digest(), self._sha1.digest(), self._sha256.digest(), self._sha512.digest(), self.size
        )


async def digests_of(content: bytearray) -> Digests:
    """Hash a very small file at once, as a thread would take longer; a larger file in a thread."""
    hashing = Hashing()
    if len(content) <= AT_ONCE:
        hashing.update(content)
    else:
        await asyncio.to_thread(hashing.update, content)
    return hashing.digests()


class Writing:
    """A file that two threads write and hash at once: a single core would bound the speed of a single upload."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None
        self._hashing = Hashing()
        self._written_out = 0

    async def add(self, piece: bytearray) -> None:
        await asyncio.gather(
            asyncio.to_thread(self._write, piece),
            asyncio.to_thread(self._hashing.update_second_half, piece),
        )

    def finish(self) -> Digests:
        """Sync the file, in a thread. When the thread has ended, no work on the file is under way any more."""
        if self._file is not None:
            os.fsync(self._file.fileno())
            self._file.close()
        return self._hashing.digests()

    def abandon(self) -> None:
        if self._file is not None:
            self._file.close()
            self.path.unlink(missing_ok=True)

    def _write(self, piece: bytearray) -> None:
        if self._file is None:
            self._file = self.path.open("xb", buffering=0)
        write_all(self._file, piece)
        self._hashing.update_first_half(piece)
        size = self._hashing.size
        if size - self._written_out >= WRITE_OUT:
            # Dirty pages are not dropped: the kernel begins to write the pages, and nobody waits.
            os.posix_fadvise(
                self._file.fileno(), self._written_out, size - self._written_out, os.POSIX_FADV_DONTNEED
            )
            self._written_out = size


class PendingBytes:
    """Bytes of all uploads of one process that wait in memory to become pieces."""

    def __init__(self, scarce: int) -> None:
        self.size = 0
        self._scarce = scarce

    @property
    def is_scarce(self) -> bool:
        return self.size > self._scarce


class Gathering:
    """The chunks of an upload as pieces of at least `PIECE` bytes. The last piece is smaller, maybe empty.

    While memory is scarce, pieces are smaller: the bytes of a slow upload then wait on the disk, not in memory.
    """

    def __init__(self, chunks: AsyncIterator[bytes], most: int, everybody: PendingBytes) -> None:
        self._chunks = chunks
        self._most = most
        self._everybody = everybody
        #: whether the last piece has been given
        self.is_complete = False

    async def pieces(self) -> AsyncGenerator[bytearray, None]:
        """Gather the chunks to pieces. Raises `TooLarge` with the chunk that exceeds `most` bytes."""
        everybody, piece, size = self._everybody, bytearray(), 0
        try:
            async for chunk in self._chunks:
                size += len(chunk)
                if size > self._most:
                    raise TooLarge(
                        f"The body is larger than {self._most} bytes, which is the most that is taken."
                    )
                piece += chunk
                everybody.size += len(chunk)
                if len(piece) >= PIECE or (everybody.is_scarce and len(piece) >= SMALLEST):
                    full, piece = piece, bytearray()
                    everybody.size -= len(full)
                    yield full
                    del full
        finally:
            everybody.size -= len(piece)
        self.is_complete = True
        yield piece


async def write_stream(
    writing: Writing, adding: Coroutine[Any, Any, None], pieces: AsyncIterator[bytearray]
) -> Digests:
    """Write `pieces` after the piece that `adding` writes, and sync the file.

    Whatever goes wrong, nothing is left of the file, and no thread writes any more.
    """
    under_way = asyncio.ensure_future(adding)
    try:
        async for piece in pieces:
            await asyncio.shield(under_way)
            under_way = asyncio.ensure_future(writing.add(piece))
            del piece
        await asyncio.shield(under_way)
        return await to_the_end(writing.finish)
    except BaseException:
        await asyncio.shield(_abandon(writing, under_way))
        raise
    finally:
        # The error of a write refers to this frame by its trace. With the frame, the request would stay in memory, and the
        # server would wait for the rest of the body before the next request of the connection.
        del under_way


async def _abandon(writing: Writing, under_way: "asyncio.Future[None]") -> None:
    await asyncio.wait({under_way})
    under_way.exception()  # an abandoned write may fail
    await asyncio.to_thread(writing.abandon)


async def to_the_end(function: Callable[..., T], *arguments: object) -> T:
    """Run a function in a thread. A cancelled caller stops only when the thread has ended."""
    running = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        running.exception()  # nobody waits for the error any more
        raise
    finally:
        del running  # whose error refers to this frame, and so to the request, by its trace


async def write_file(path: Path, pieces: AsyncGenerator[bytes, None]) -> None:
    """Write pieces to a new file, and close the source of the pieces."""
    with path.open("xb", buffering=0) as file:
        async with aclosing(pieces):
            async for piece in pieces:
                await asyncio.to_thread(write_all, file, piece)


def write_probe(folder: Path) -> None:
    """Write a file, and remove the file. Raises OSError where the folder takes no files."""
    probe = folder / f"probe-{secrets.token_hex(8)}"
    try:
        probe.write_bytes(b"probe")
    finally:
        # A full disk makes the file, and takes no bytes: without this, each look would leave a file.
        probe.unlink(missing_ok=True)


def write_all(file: BinaryIO, piece: bytes | bytearray) -> None:
    view = memoryview(piece)
    while view:
        view = view[file.write(view) :]
