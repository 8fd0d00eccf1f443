"""Blobs as objects of a bucket: `sample/ab/ab12….<token>`. Each new row names an object of its own, written in one request.

A key is used once. A removal names the very object that the row named, so uploads and removals need no locks.
"""

import asyncio
import hashlib
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from uuid import UUID

import msgspec

from samplebank.blobs.bucket import Bucket
from samplebank.blobs.disk import list_old
from samplebank.blobs.place import Place
from samplebank.blobs.room import Room
from samplebank.blobs.sending import Sender
from samplebank.blobs.store import MISSING, Address, Area, Blob, Digests, Tokens
from samplebank.blobs.writing import (
    SCARCE,
    Gathering,
    PendingBytes,
    Writing,
    digests_of,
    to_the_end,
    write_probe,
    write_stream,
)
from samplebank.errors import Invalid, NotFound, Unavailable
from samplebank.files import close_to_others, make_lasting_folder

MARK = "samplebank-store"
PROBE = "samplebank-probe"
SPOOL = "spool"
NO_SPOOL = "The folder spool, for large files on their way to the bucket, cannot be written: {}."
#: bytes of a token, and objects that are read at once
TOKEN, AT_ONCE = 8, 16
NO_IDENTITY = "{}/{} holds no identity of a blob store: bring the object back from a backup."
TAKEN = "{} got the identity of another installation meanwhile: name another bucket or prefix in SAMPLEBANK_BLOB_URL."


class ObjectStore:
    """A blob store in a bucket. `spool` is a local folder, for large files on their way."""

    has_tokens = True

    def __init__(
        self,
        place: Place,
        tokens: Tokens,
        spool: Path,
        *,
        reserve: int = 0,
        others: Mapping[str, Path] | None = None,
    ) -> None:
        self.place = place
        self.bucket = Bucket(place)
        self._tokens = tokens
        self._spool = spool
        self._room = Room({SPOOL: spool, **(others or {})}, reserve)
        self._gathered = PendingBytes(SCARCE)
        self._sender = Sender(place)

    @property
    def where(self) -> str:
        """The store in words, for messages to the operator."""
        return f"The bucket {self.place.url}"

    def prepare(self) -> None:
        """Make the folder for files on their way."""
        make_lasting_folder(self._spool)
        close_to_others(self._spool)

    async def close(self) -> None:
        await self._sender.close()

    async def stage(self, area: Area, chunks: AsyncIterator[bytes], most: int) -> "StagedObject":
        self._room.check()
        gathering = Gathering(chunks, most, self._gathered)
        pieces = gathering.pieces()
        first = await anext(pieces)
        if gathering.is_complete:
            return StagedObject(self, area, await digests_of(first), first)
        path = self._spool / secrets.token_hex(16)
        writing = Writing(path)
        adding = writing.add(first)
        del first  # frees the piece once the piece is written, however long the next piece takes
        return StagedObject(self, area, await write_stream(writing, adding, pieces), path)

    async def put(self, area: Area, digests: Digests, content: bytearray | Path) -> None:
        key = _key(area, Blob(digests.sha256, digests.blob_token))
        if isinstance(content, Path):
            await self._sender.send(key, content, digests)
        else:
            await self.bucket.put(key, content)

    async def read(
        self, area: Area, sha256: bytes, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        if length == 0:
            return
        key = await self._key_of(area, sha256)
        async with aclosing(self.bucket.read(key, start, length)) as pieces:
            async for piece in pieces:
                yield piece

    async def whole(self, area: Area, sha256s: Sequence[bytes]) -> list[bytes | None]:
        tokens = await self._tokens.find(area, sha256s)
        turns = asyncio.Semaphore(AT_ONCE)

        async def content(sha256: bytes) -> bytes | None:
            if sha256 not in tokens:
                return None
            async with turns:
                found = await self.bucket.get(_key(area, Blob(sha256, tokens[sha256])))
            return None if found is None else found.to_bytes()

        return await asyncio.gather(*(content(sha256) for sha256 in sha256s))

    async def addresses(self, area: Area, sha256s: Sequence[bytes]) -> dict[bytes, Address]:
        tokens = await self._tokens.find(area, sha256s)
        return {
            sha256: Address(self.place.bucket, self.place.path(_key(area, Blob(sha256, token))))
            for sha256, token in tokens.items()
        }

    @asynccontextmanager
    async def files(self, area: Area, sha256s: Sequence[bytes]) -> AsyncIterator[Mapping[bytes, Path]]:
        self._room.check()
        tokens = await self._tokens.find(area, sha256s)
        paths = {sha256: self._spool / secrets.token_hex(16) for sha256 in tokens}
        turns = asyncio.Semaphore(AT_ONCE)

        async def fetch(sha256: bytes) -> bool:
            async with turns:
                return await self._fetch(_key(area, Blob(sha256, tokens[sha256])), paths[sha256])

        fetching = [asyncio.ensure_future(fetch(sha256)) for sha256 in paths]
        try:
            are_there = await asyncio.gather(*fetching)
            yield {
                sha256: paths[sha256] for sha256, is_there in zip(paths, are_there, strict=True) if is_there
            }
        finally:
            for one in fetching:
                one.cancel()
            await asyncio.gather(*fetching, return_exceptions=True)
            await to_the_end(_unlink, list(paths.values()))

    async def _fetch(self, key: str, path: Path) -> bool:
        """Write an object to a new file. Whether there is the object."""
        try:
            await self.bucket.save(key, path)
        except NotFound:
            return False
        return True

    async def is_sound(self, area: Area, sha256: bytes) -> bool:
        digest = hashlib.sha256()
        try:
            async with aclosing(self.read(area, sha256)) as pieces:
                async for piece in pieces:
                    await asyncio.to_thread(digest.update, piece)
        except NotFound:
            return False
        return digest.digest() == sha256

    async def holds(self, area: Area, sha256: bytes) -> bool:
        try:
            return await self.bucket.has(await self._key_of(area, sha256))
        except NotFound:
            return False

    async def remove(self, area: Area, sha256: bytes, token: bytes | None = None) -> None:
        if token is not None:
            await self.bucket.remove(_key(area, Blob(sha256, token)))

    async def list_names(self, area: Area, prefix: int, older_than: float) -> list[Blob]:
        before = time.time() - older_than
        found = self.bucket.keys(f"{area}/{prefix:02x}")
        names = [key.rpartition("/")[2] async for key, changed in found if changed < before]
        return [blob for name in names if (blob := Blob.found(name, prefix, TOKEN))]

    async def sweep(self, older_than: float) -> int:
        names = await asyncio.to_thread(list_old, self._spool, time.time() - older_than)
        for name in names:
            await asyncio.to_thread((self._spool / name).unlink, missing_ok=True)
        return len(names)

    async def has_mark(self) -> bool:
        return await self.bucket.get(MARK) is not None

    async def is_empty(self) -> bool:
        async for _ in self.bucket.keys(Area.SAMPLE):
            return False
        return True

    async def identity(self) -> UUID | None:
        found = await self.bucket.get(MARK)
        if found is None:
            await self.bucket.check()
        text = "" if found is None else found.to_bytes().decode("ascii", "replace").strip()
        try:
            return UUID(text) if text else None
        except ValueError:
            raise Invalid(NO_IDENTITY.format(self.place.url, MARK)) from None

    async def make_mark(self, identity: UUID) -> None:
        content = f"{identity}\n".encode()
        if await self.bucket.put_new(MARK, content):
            return
        own = await self.identity()
        if own is None:  # the operator made an empty mark
            await self.bucket.put(MARK, content)
        elif own != identity:
            raise Invalid(TAKEN.format(self.place.url))

    async def check(self) -> None:
        self._room.check()
        try:
            await asyncio.to_thread(write_probe, self._spool)
        except OSError as error:
            raise Unavailable(NO_SPOOL.format(error.strerror)) from error
        await self.bucket.put(PROBE, b"probe")

    def free_bytes(self) -> dict[str, int]:
        return self._room.free_bytes()

    def free_files(self) -> dict[str, int]:
        return self._room.free_files()

    async def _key_of(self, area: Area, sha256: bytes) -> str:
        token = (await self._tokens.find(area, [sha256])).get(sha256)
        if token is None:
            raise NotFound(MISSING)
        return _key(area, Blob(sha256, token))


class StagedObject:
    """Complete bytes: a small file in memory, a larger file in the spool."""

    def __init__(self, store: ObjectStore, area: Area, digests: Digests, content: bytearray | Path) -> None:
        self._store = store
        self._area = area
        self._content = content
        self._is_kept = False
        self.digests = msgspec.structs.replace(digests, blob_token=secrets.token_bytes(TOKEN))

    async def keep(self, known: bytes | None = None) -> None:
        if self._is_kept:
            return
        if known is not None:
            self.digests = msgspec.structs.replace(self.digests, blob_token=known)
        await self._store.put(self._area, self.digests, self._content)
        self._is_kept = True

    async def discard(self) -> None:
        """Remove the file from the spool. An object that no row names stays for the sweep: the row may come yet."""
        if isinstance(self._content, Path):
            await asyncio.to_thread(self._content.unlink, missing_ok=True)


def _unlink(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _key(area: Area, blob: Blob) -> str:
    return f"{area}/{blob.sha256.hex()[:2]}/{blob.name}"
