"""The interface of every blob store."""

import asyncio
import hashlib
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol, Self
from uuid import UUID

import msgspec

from samplebank.errors import Damaged, Unavailable

MISSING = "The bytes of this file are no longer stored."
DAMAGED = "The stored bytes of this file are damaged; uploading the file again repairs them."


#: parts of an area, by the first byte of the names
PARTS = 256


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
    #: names the object with the bytes, in a store of objects
    blob_token: bytes | None = None


class Blob(NamedTuple):
    """The name of stored bytes. In a store of objects, a token tells the objects with equal bytes apart.

    A token is used once. So a removal can name the one object to be removed, and needs no lock against uploads.
    """

    sha256: bytes
    token: bytes | None = None

    @property
    def name(self) -> str:
        return self.sha256.hex() if self.token is None else f"{self.sha256.hex()}.{self.token.hex()}"

    @classmethod
    def of(cls, name: str) -> Self:
        """Read a name. Raises ValueError for a text that names no bytes."""
        sha256, _, token = name.partition(".")
        return cls(bytes.fromhex(sha256), bytes.fromhex(token) if token else None)

    @classmethod
    def found(cls, name: str, prefix: int, token: int = 0) -> Self | None:
        """Read the name of a file or an object below `prefix`, where stored bytes have a token of so many bytes.

        None for what no upload wrote: operators, file managers and file systems leave files of their own.
        """
        try:
            blob = cls.of(name)
        except ValueError:
            return None
        is_stored = (len(blob.sha256), len(blob.token or b"")) == (32, token) and blob.name == name
        return blob if is_stored and blob.sha256[0] == prefix else None


class HeldBack(Unavailable):
    """A removal that has to wait for somebody who needs the bytes for a time: a backup, or an upload of the same bytes."""


class Address(NamedTuple):
    """Where an object lies: the bucket, and the whole key."""

    bucket: str
    key: str


class Tokens(Protocol):
    """Tells which objects hold the bytes: rows name the objects."""

    async def find(self, area: Area, sha256s: Sequence[bytes]) -> dict[bytes, bytes]:
        """The tokens by SHA-256, of bytes that a row names."""


class Staged(Protocol):
    """Complete bytes, not yet kept under their name."""

    digests: Digests

    async def keep(self, known: bytes | None = None) -> None:
        """Give the bytes their name. From here on the bytes survive a crash, and no removal comes before `discard`.

        Repeating changes nothing. `known` is the token of a row with the same bytes: the object of the row is replaced.
        `digests` has the token that a new row has to name.
        """

    async def discard(self) -> None:
        """Forget bytes that were not kept, and let go of kept bytes. To be called in the end, whatever happened."""


class Blobs(Protocol):
    #: whether rows have to name the objects with their bytes
    has_tokens: bool

    async def stage(self, area: Area, chunks: AsyncIterator[bytes], most: int) -> Staged:
        """Take in the whole stream, with flat memory. Raises `TooLarge` as soon as the stream exceeds `most` bytes."""

    def read(
        self, area: Area, sha256: bytes, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Read the bytes from `start` on, in pieces. Raises `NotFound` when no bytes have the name."""

    async def whole(self, area: Area, sha256s: Sequence[bytes]) -> list[bytes | None]:
        """Read several small files, in one go; None for bytes that are not there."""

    def files(
        self, area: Area, sha256s: Sequence[bytes]
    ) -> AbstractAsyncContextManager[Mapping[bytes, Path]]:
        """Provide local files with the bytes, by SHA-256, to be read only, for as long as the block lasts.

        Bytes that are not there have no file.
        """

    async def addresses(self, area: Area, sha256s: Sequence[bytes]) -> dict[bytes, Address]:
        """The objects that hold the bytes, as far as rows name objects. Empty for a folder."""

    async def is_sound(self, area: Area, sha256: bytes) -> bool:
        """Whether the bytes are there, and match the name."""

    def free_bytes(self) -> dict[str, int]:
        """Bytes that may still be written, by the disk that uploads fill, as far as that is known."""

    def free_files(self) -> dict[str, int]:
        """Files that may still be made, by the disk that uploads fill, where a disk bounds the number of files."""

    async def holds(self, area: Area, sha256: bytes) -> bool: ...

    async def remove(self, area: Area, sha256: bytes, token: bytes | None = None) -> None:
        """Remove the bytes. Removing absent bytes changes nothing. Raises `HeldBack` while somebody keeps the bytes."""

    async def list_names(self, area: Area, prefix: int, older_than: float) -> list[Blob]:
        """List the names of blobs whose first byte is `prefix`, last written more than `older_than` seconds ago."""

    async def sweep(self, older_than: float) -> int:
        """Remove leftovers of uploads that broke more than `older_than` seconds ago; answers the number of files."""

    async def identity(self) -> UUID | None:
        """The identity that the store holds in itself; None where the store has none yet."""

    async def is_empty(self) -> bool:
        """Whether no sample has bytes here."""

    async def make_mark(self, identity: UUID) -> None:
        """Write the identity into the store. Raises `Invalid` when the store got another identity meanwhile."""

    async def check(self) -> None:
        """Raises `Unavailable`, which names the disk, unless bytes can be written."""


class Store(Blobs, Protocol):
    """A blob store as the program opens the store. `prepare` makes its folders. Raises OSError where a folder cannot be made."""

    @property
    def where(self) -> str:
        """The store in words, for messages to the operator."""

    def prepare(self) -> None: ...

    async def has_mark(self) -> bool:
        """Whether the store holds a mark, though the mark may be empty."""

    async def close(self) -> None:
        """End the connections of the store."""


async def stage_verified(giver: Blobs, taker: Blobs, area: Area, sha256: bytes) -> Staged:
    """Bring the bytes of one store into another, to be kept or discarded. Raises `NotFound` and `Damaged`."""
    async with aclosing(verified(giver.read(area, sha256), sha256)) as pieces:
        return await taker.stage(area, pieces, sys.maxsize)


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
