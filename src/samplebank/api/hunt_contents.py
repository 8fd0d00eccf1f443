"""The samples of a batch in one stream: a request for each sample would cost more than the scan of a small sample."""

from collections.abc import Iterator, Sequence
from contextlib import aclosing

from samplebank.blobs import Area, Blobs
from samplebank.errors import NotFound
from samplebank.http.streaming import Pieces
from samplebank.hunts.model import BatchSample

#: bytes in front of each sample: the size, or `GONE`
HEADER, GONE = 8, 2**64 - 1
#: samples up to this size are read and sent together, as many as have so many bytes
TOGETHER = 1024 * 1024


async def contents_of(blobs: Blobs, samples: Sequence[BatchSample]) -> Pieces:
    """The bytes of each sample behind their size, in order."""
    for group in _grouped(samples):
        if group[0].size > TOGETHER and group[0].is_there:
            async with aclosing(_large(blobs, group[0])) as pieces:
                async for piece in pieces:
                    yield piece
            continue
        parts = []
        there = [sample.sha256 for sample in group if sample.is_there]
        found = dict(zip(there, await blobs.whole(Area.SAMPLE, there), strict=True))
        for sample in group:
            content = found.get(sample.sha256)
            parts += [_header(GONE)] if content is None else [_header(len(content)), content]
        yield b"".join(parts)


def _grouped(samples: Sequence[BatchSample]) -> Iterator[list[BatchSample]]:
    """Small samples in groups, and each large sample by itself, in their order."""
    group: list[BatchSample] = []
    size = 0
    for sample in samples:
        if group and size + sample.size > TOGETHER:
            yield group
            group, size = [], 0
        group.append(sample)
        size += sample.size
    if group:
        yield group


async def _large(blobs: Blobs, sample: BatchSample) -> Pieces:
    """The bytes of a sample behind their size. A file that is too short on the disk is filled up, and found to be damaged."""
    left = sample.size
    async with aclosing(blobs.read(Area.SAMPLE, sample.sha256, 0, sample.size)) as pieces:
        try:
            first = await anext(pieces, b"")
        except NotFound:
            yield _header(GONE)
            return
        yield _header(sample.size) + first
        left -= len(first)
        async for piece in pieces:
            yield piece
            left -= len(piece)
    while left > 0:
        yield bytes(min(left, TOGETHER))
        left -= TOGETHER


def _header(size: int) -> bytes:
    return size.to_bytes(HEADER, "big")
