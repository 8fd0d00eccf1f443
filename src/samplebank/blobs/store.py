"""What a blob store does, whatever it is made of."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import msgspec

from samplebank.errors import Damaged

MISSING = "The bytes of this file are no longer stored."
DAMAGED = "The stored bytes of this file are damaged; uploading the file again repairs them."


class Area(StrEnum):
    """What the bytes belong to. The same bytes may lie in both areas; they are removed from each by itself."""

    SAMPLE = "sample"
    EVIDENCE = "evidence"


class Digests(msgspec.Struct, frozen=True):
    """The four digests and the size of a file, computed while it was written."""

    md5: bytes
    sha1: bytes
    sha256: bytes
    sha512: bytes
    size: int


class Staged(Protocol):
    """Bytes that are complete, but not yet kept under their name."""

    digests: Digests

    async def keep(self) -> None:
        """Give the bytes their name, so that they survive a crash from here on, and no removal takes them before `discard`.

        Repeating it changes nothing. (An object store can refuse to remove what was written within the hour.)
        """

    async def discard(self) -> None:
        """Forget what was not kept, and let go of what was. To be called in the end, whatever happened."""


class Blobs(Protocol):
    async def stage(self, area: Area, chunks: AsyncIterator[bytes], most: int) -> Staged:
        """Take in the whole stream, with flat memory. Raises `TooLarge` as soon as it exceeds `most` bytes."""

    def read(
        self, area: Area, sha256: bytes, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` on, in pieces. Raises `NotFound` when there are none of that name."""

    def local(self, area: Area, sha256: bytes) -> AbstractAsyncContextManager[Path]:
        """A file on this machine with the bytes, to be read only, for as long as the block lasts."""

    async def is_sound(self, area: Area, sha256: bytes) -> bool:
        """Whether the bytes are there, and are those that their name says."""

    def free_bytes(self) -> dict[str, int]:
        """Bytes that may still be written, by the disk that uploads fill, as far as that is known."""

    async def holds(self, area: Area, sha256: bytes) -> bool: ...

    async def remove(self, area: Area, sha256: bytes) -> None:
        """Remove the bytes; removing what is not there changes nothing. Raises `Unavailable` while somebody keeps them."""

    async def list_names(self, area: Area, prefix: int, older_than: float) -> list[bytes]:
        """SHA-256 of the blobs whose first byte is `prefix`, last written more than `older_than` seconds ago."""

    async def sweep(self, older_than: float) -> int:
        """Remove what broken uploads left more than `older_than` seconds ago; answers how many files that were."""

    async def check(self) -> None:
        """Raises `Unavailable`, which names the disk, unless bytes can be written."""


async def verified(pieces: AsyncGenerator[bytes, None], sha256: bytes) -> AsyncGenerator[bytes, None]:
    """All pieces of a file, but the last one only when the whole is what its name says. Raises `Damaged` otherwise."""
    digest = hashlib.sha256()
    held = b""
    async with aclosing(pieces):
        async for piece in pieces:
            if held:
                yield held
            # in a thread, as the digest of a piece takes longer than others should wait for their answers
            await asyncio.to_thread(digest.update, piece)
            held = piece
    if digest.digest() != sha256:
        raise Damaged(DAMAGED)
    if held:
        yield held
