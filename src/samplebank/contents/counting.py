"""How often each byte occurs in the beginning of a sample."""

import asyncio
import math
from collections import Counter
from typing import Final

import msgspec

from samplebank.blobs import Blobs
from samplebank.contents.windows import read_window
from samplebank.samples.model import Sample

#: the bytes of the beginning: counting more would take longer than the rest of a page
BEGINNING: Final = 64 * 1024
BYTE_VALUES: Final = 256


class ByteCounts(msgspec.Struct, frozen=True):
    """`counts` are the numbers of each byte, from 00 to FF, among the first `length` bytes."""

    counts: list[int]
    length: int

    @property
    def entropy(self) -> float:
        """The entropy in bits per byte, from 0 to 8; 0 for no bytes."""
        shares = [count / self.length for count in self.counts if count]
        return max(0.0, -sum(share * math.log2(share) for share in shares))


async def count_bytes(store: Blobs, sample: Sample) -> ByteCounts:
    """Count the bytes of the beginning of a sample. Raises `NotFound` when the bytes are gone, and `Damaged`."""
    return await asyncio.to_thread(counted, await read_window(store, sample, 0, BEGINNING))


def counted(data: bytes) -> ByteCounts:
    found = Counter(data)
    return ByteCounts([found[value] for value in range(BYTE_VALUES)], len(data))
