"""Bodies with the bytes of a file. A form with a file in it looks alike, and is refused."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from samplebank.api.call import Call
from samplebank.blobs import Area, Blob, Digests
from samplebank.errors import Invalid, TooLarge, TooMany, Unavailable, Unsupported
from samplebank.http.repeats import keyed
from samplebank.http.stored_bytes import refuse_excess
from samplebank.repeats import kept
from samplebank.repeats.kept import Keyed
from samplebank.samples import objects
from samplebank.service_tasks import leftovers

FORM = re.compile(r"multipart/form-data\s*;.*?boundary=(\"?)(?P<boundary>[^\";]{1,70})\1", re.IGNORECASE)
SAID = (
    "The body is a form with a file in it, but this call takes the bytes of the file alone: "
    "with curl, give --data-binary @FILE in place of -F."
)


EMPTY = "The body is empty; it must hold the bytes of the sample."


@asynccontextmanager
async def kept_sample(
    request: Call, chunks: AsyncIterator[bytes] | None = None, *, key: str | None
) -> AsyncIterator[Digests]:
    """Keep the bytes of the body, or of a part of the body, as those of a sample.

    A row of the bytes is to be committed before the block ends, unless the request says by then that the request stores
    nothing. A request whose `key` has an answer already stores nothing new, so no budget refuses the request.

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
        try:
            await refuse_excess(request.bank, request.caller, staged.digests)
        except TooMany:
            if key is None or not await _is_answered(request, keyed(request, key, staged.digests.sha256)):
                raise
        bank = request.bank
        kept_as = await objects.keep_sample(bank.database.connection, bank.looking, bank.blobs, staged)
        yield kept_as
    finally:
        await staged.discard()
    if request.stores_nothing:
        await _let_go(request, Blob(kept_as.sha256, kept_as.blob_token))


async def _let_go(request: Call, blob: Blob) -> None:
    """Remove the bytes if no sample has the bytes: the sample may have been deleted since the request came first."""
    bank = request.bank
    async with bank.database.connection() as db:
        is_used = not await leftovers.without_row(db, Area.SAMPLE, [blob])
    if is_used:
        return
    # While others keep the bytes, or a backup holds removals back, the bytes are left to the sweep of orphans.
    with suppress(Unavailable):
        async with bank.database.transaction() as db:
            await leftovers.remove_unused_sample(db, bank.blobs, blob, now=request.now)


async def _is_answered(request: Call, asked: Keyed) -> bool:
    """Whether the request came before and was answered. Raises `Conflict` where another request had the key."""
    async with request.bank.database.connection() as db:
        return await kept.find(db, asked, now=request.now) is not None


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
