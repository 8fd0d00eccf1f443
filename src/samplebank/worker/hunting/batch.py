"""A claimed batch of a hunt, and the file with its samples. Names the fields a worker needs, and ignores all others."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from samplebank.worker.errors import ServiceUnavailable
from samplebank.worker.hunting.messages import Piece

#: bytes in front of each sample of a stream: the size, or `GONE` for a sample that is no longer stored
HEADER, GONE = 8, 2**64 - 1
CUT_OFF = "The download of a batch ended before its end."


class Wanted(msgspec.Struct, frozen=True):
    """A sample of the batch: SHA-256, size in bytes, and type."""

    id: str
    size: int
    type: str = ""


class HuntReference(msgspec.Struct, frozen=True):
    id: str


class BatchAssignment(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    hunt: HuntReference
    number: int
    lease_token: str
    rules: str
    samples: list[Wanted]
    #: for which the batch is scanned; 0 of a service that takes results for whole batches only
    seconds: int = 0

    @property
    def path(self) -> str:
        return f"/samplebank/v1/hunt/{self.hunt.id}/batch/{self.number}"


class Contents(msgspec.Struct):
    """The first `read` samples of a batch as they lie in a file. Samples have their places in the batch.

    `places` tells the sample of each piece. Damaged samples have no piece.
    """

    read: int = 0
    places: list[int] = []
    pieces: list[Piece] = []
    damaged: list[int] = []


class _Reader:
    """Reads exact numbers of bytes from a stream."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    async def part(self, most: int) -> memoryview:
        """Up to `most` of the next bytes. Raises `ServiceUnavailable` at the end of the stream."""
        while not self._rest:
            piece = await anext(self._pieces, None)
            if piece is None:
                raise ServiceUnavailable(CUT_OFF)
            self._rest = memoryview(piece)
        part, self._rest = self._rest[:most], self._rest[most:]
        return part

    async def exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            found += await self.part(size - len(found))
        return found


async def written(
    batch: BatchAssignment, pieces: AsyncIterator[bytes], target: Path, *, most: int
) -> Contents:
    """Write up to `most` samples of a stream one after the other, and check each SHA-256. Raises `ServiceUnavailable`."""
    samples = batch.samples[:most]
    reader, contents, at = _Reader(pieces), Contents(len(samples), [], [], []), 0
    with target.open("xb") as file:
        for place, wanted in enumerate(samples):
            size = int.from_bytes(await reader.exactly(HEADER), "big")
            if size == GONE:
                continue
            left, digest = size, hashlib.sha256()
            while left:
                part = await reader.part(left)
                digest.update(part)
                file.write(part)
                left -= len(part)
            if digest.hexdigest() == wanted.id:
                contents.places.append(place)
                contents.pieces.append(Piece(at, size, wanted.type))
            else:
                contents.damaged.append(place)
            at += size
    return contents
