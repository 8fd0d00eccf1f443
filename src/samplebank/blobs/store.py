"""The interface of every blob store."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from enum import StrEnum
from pathlib import Path
from typing import Protocol
from uuid import UUID

import msgspec

from samplebank.errors import Damaged

MISSING = "The bytes of this file are no longer stored."
DAMAGED = "The stored bytes of this file are damaged; uploading the file again repairs them."


class Area(StrEnum):
    """The owners of bytes. The same bytes may lie in both areas, and are removed from each area separately."""

    SAMPLE = "sample"
    EVIDENCE = "evidence"


class Digests(msgspec.Struct, frozen=True):
    """The four digests and the size of a file, computed during the writing."""

    md5: bytes
    sha1: bytes
    sha256: bytes
    sha512: bytes
    size: int


class Staged(Protocol):
    """Complete bytes, not yet kept under their name."""

    digests: Digests

    async def keep(self) -> None:
        """Give the bytes their name. From here on the bytes survive a crash, and no removal comes before `discard`.

        Repeating changes nothing. (An object store can refuse to remove bytes written within the hour.)
        """

    async def discard(self) -> None:
        """Forget bytes that were not kept, and let go of kept bytes. To be called in the end, whatever happened."""


class Blobs(Protocol):
    async def stage(self, area: Area, chunks: AsyncIterator[bytes], most: int) -> Staged:
        """Take in the whole stream, with flat memory. Raises `TooLarge` as soon as the stream exceeds `most` bytes."""

    def read(
        self, area: Area, sha256: bytes, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Read the bytes from `start` on, in pieces. Raises `NotFound` when no bytes have the name."""

    async def whole(self, area: Area, sha256s: Sequence[bytes]) -> list[bytes | None]:
        """Read several small files, in one go; None for bytes that are not there."""

    def local(self, area: Area, sha256: bytes) -> AbstractAsyncContextManager[Path]:
        """Provide a local file with the bytes, to be read only, for as long as the block lasts."""

    async def is_sound(self, area: Area, sha256: bytes) -> bool:
        """Whether the bytes are there, and match the name."""

    def free_bytes(self) -> dict[str, int]:
        """Bytes that may still be written, by the disk that uploads fill, as far as that is known."""

    async def holds(self, area: Area, sha256: bytes) -> bool: ...

    async def remove(self, area: Area, sha256: bytes) -> None:
        """Remove the bytes. Removing absent bytes changes nothing. Raises `Unavailable` while somebody keeps the bytes."""

    async def list_names(self, area: Area, prefix: int, older_than: float) -> list[bytes]:
        """List the SHA-256 of blobs whose first byte is `prefix`, last written more than `older_than` seconds ago."""

    async def sweep(self, older_than: float) -> int:
        """Remove leftovers of uploads that broke more than `older_than` seconds ago; answers the number of files."""

    async def identity(self) -> UUID | None:
        """The identity that the store holds in itself; None where the store has none yet."""

    async def check(self) -> None:
        """Raises `Unavailable`, which names the disk, unless bytes can be written."""


async def verified(pieces: AsyncGenerator[bytes, None], sha256: bytes) -> AsyncGenerator[bytes, None]:
    """Pass on the pieces of a file, the last piece only if the whole file matches `sha256`. Else raises `Damaged`."""
    digest = hashlib.sha256()
    held = b""
    async with aclosing(pieces):
        async for piece in pieces:
            if held:
                yield held
            # in a thread, as hashing a piece takes longer than other requests should wait
            await asyncio.to_thread(digest.update, piece)
            held = piece
    if digest.digest() != sha256:
        raise Damaged(DAMAGED)
    if held:
        yield held
