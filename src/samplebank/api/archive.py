"""A sample in an encrypted archive, made while being sent. The well-known password keeps scanners out.

The entry is stored, not compressed, so that the length of the archive is known before the archive is made.
"""

import hashlib
import stat
import zlib
from collections.abc import AsyncGenerator, Generator, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import BinaryIO

from stream_zip import NO_COMPRESSION_32, NO_COMPRESSION_64, Method, stream_zip

from samplebank.blobs import MISSING, Area, Blobs
from samplebank.blobs.store import DAMAGED
from samplebank.blobs.writing import to_the_end
from samplebank.errors import Damaged, NotFound
from samplebank.samples.model import NO_SAMPLE, Sample

PASSWORD = "infected"  # noqa: S105 known to everybody: the password keeps scanners out, not people
PIECE = 256 * 1024
#: from this size on, sizes are written with 64 bits; the margin below 4 GiB is for the bytes that encryption adds
LARGE = 2**32 - 2**16
MODE = stat.S_IFREG | 0o400


def archive_length(sample: Sample) -> int:
    """Tell the length of the archive of a sample."""
    return _overhead(is_large=sample.size >= LARGE) + sample.size


async def archived(blobs: Blobs, sample: Sample) -> AsyncGenerator[bytes, None]:
    """Make the archive, piece by piece. Raises `NotFound` when the bytes are gone."""
    async with blobs.files(Area.SAMPLE, [sample.sha256]) as found:
        if sample.sha256 not in found:
            raise NotFound(MISSING)
        with closing(_archived(found[sample.sha256], sample)) as pieces:
            # `to_the_end` waits for its thread even when cancelled. A generator at work could not be closed, and its file
            # would stay open.
            while piece := await to_the_end(next, pieces, b""):
                yield piece


def _archived(path: Path, sample: Sample) -> Generator[bytes, None, None]:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise NotFound(NO_SAMPLE) from None
    with file:
        # The format wants the checksum first, even where encryption then hides the checksum.
        checksum, digest = 0, hashlib.sha256()
        for piece in _pieces(file):
            checksum = zlib.crc32(piece, checksum)
            digest.update(piece)
        if digest.digest() != sample.sha256:
            raise Damaged(DAMAGED)
        file.seek(0)
        made = datetime.fromtimestamp(sample.created_time / 1000, UTC)
        method = _method(sample.size, checksum, is_large=sample.size >= LARGE)
        yield from _zipped(sample.sha256.hex(), made, method, _pieces(file))


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(PIECE):
        yield piece


def _method(size: int, checksum: int, *, is_large: bool) -> Method:
    return NO_COMPRESSION_64(size, checksum) if is_large else NO_COMPRESSION_32(size, checksum)


def _zipped(name: str, made: datetime, method: Method, pieces: Iterable[bytes]) -> Iterable[bytes]:
    return stream_zip([(name, made, MODE, method, pieces)], chunk_size=PIECE, password=PASSWORD)


@cache
def _overhead(*, is_large: bool) -> int:
    """Measure the bytes of an archive besides the bytes of the sample, on the archive of an empty sample."""
    made = _zipped("0" * 64, datetime.now(UTC), _method(0, 0, is_large=is_large), [])
    return sum(len(piece) for piece in made)
