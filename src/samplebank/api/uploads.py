"""Bodies with the bytes of a file. A form with a file in it looks alike, and is refused."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from samplebank.api.call import Call
from samplebank.blobs import Area, Digests
from samplebank.errors import Invalid, TooLarge, Unsupported
from samplebank.http.stored_bytes import refuse_excess
from samplebank.samples import objects

FORM = re.compile(r"multipart/form-data\s*;.*?boundary=(\"?)(?P<boundary>[^\";]{1,70})\1", re.IGNORECASE)
SAID = (
    "The body is a form with a file in it, but this call takes the bytes of the file alone: "
    "with curl, give --data-binary @FILE in place of -F."
)


EMPTY = "The body is empty; it must hold the bytes of the sample."


@asynccontextmanager
async def kept_sample(request: Call, chunks: AsyncIterator[bytes] | None = None) -> AsyncIterator[Digests]:
    """Keep the bytes of the body, or of a part of the body, as those of a sample.

    A row of the bytes is to be committed before the block ends.

    Raises `Invalid` where there are no bytes, `TooLarge`, `Unsupported`, and `TooMany` where a budget of stored bytes is used up.
    """
    most = request.bank.settings.max_sample_size
    if chunks is None:
        refuse_announced_excess(request, most)
        chunks = uploaded(request)
    staged = await request.bank.blobs.stage(Area.SAMPLE, chunks, most)
    try:
        if not staged.digests.size:
            raise Invalid(EMPTY)
        request.tell_of(staged.digests.sha256)
        await refuse_excess(request.bank, request.caller, staged.digests)
        yield await objects.keep_sample(request.bank.database.connection, request.bank.blobs, staged)
    finally:
        await staged.discard()


def refuse_announced_excess(request: Call, most: int) -> None:
    """Refuse a body whose announced length is over `most`, before any byte of the body is read."""
    if (request.announced_length or 0) > most:
        raise TooLarge(f"The body is larger than {most} bytes, which is the most that is taken.")


def uploaded(request: Call) -> AsyncIterator[bytes]:
    """The bytes of the body, piece by piece. Raises `Unsupported` for the bytes of a form.

    The media type alone makes no form, because the bytes of a sample may come with any media type. The body of a form
    also begins with the boundary of the form.
    """
    form = FORM.match(request.header(b"content-type") or "")
    if form is None:
        return request.chunks()
    return _unless_begun_by(request, b"--" + form["boundary"].strip().encode("latin-1", "replace"))


async def _unless_begun_by(request: Call, boundary: bytes) -> AsyncIterator[bytes]:
    begun: bytes | None = b""
    async for chunk in request.chunks():
        if begun is None:
            yield chunk
            continue
        begun += chunk
        if begun.startswith(boundary):
            raise Unsupported(SAID)
        if len(begun) >= len(boundary):
            yield begun
            begun = None
    if begun:
        yield begun
