"""Reading a part of a sample. Whoever may download the sample may look at the parts."""

from contextlib import aclosing

from samplebank.blobs import Area, Blobs
from samplebank.blobs.store import DAMAGED
from samplebank.errors import Damaged
from samplebank.samples.model import Sample

#: the most bytes of a page of bytes
PAGE = 4096


async def page_of_bytes(store: Blobs, sample: Sample, at: int, length: int = PAGE) -> bytes:
    """Read up to `length` bytes from `at` on, `PAGE` at most. Behind the end there are none.

    Raises `NotFound` when the bytes are gone, and `Damaged` when the stored file is shorter than the sample.
    """
    return await read_window(store, sample, at, min(length, PAGE))


async def read_window(store: Blobs, sample: Sample, start: int, length: int) -> bytes:
    """Read the bytes of a window, as far as the sample goes. Raises as `page_of_bytes`.

    The digest is not checked, as for a part of a download: a check would read the whole file.
    """
    length = min(length, sample.size - start)
    if length <= 0:
        return b""
    async with aclosing(store.read(Area.SAMPLE, sample.sha256, start, length)) as pieces:
        window = b"".join([piece async for piece in pieces])
    if len(window) < length:
        raise Damaged(DAMAGED)
    return window
