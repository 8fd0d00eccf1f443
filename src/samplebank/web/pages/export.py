"""Samples as a file: the hashes, CSV or JSON of what a query finds, or of selected samples."""

import csv
import io
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Annotated, Final, Literal

import msgspec
from litestar import get
from msgspec import Meta

from samplebank import timespec
from samplebank.accounts.model import Permission
from samplebank.api.downloads import attachment
from samplebank.api.samples import show_sample
from samplebank.api.search.queries import Text, samples_of
from samplebank.audit.model import LONGEST, Kind
from samplebank.cells import harmless
from samplebank.database import Page as Part
from samplebank.database.failures import TROUBLE
from samplebank.errors import Unavailable, invalid
from samplebank.http.operation import operation
from samplebank.http.shapes import Body
from samplebank.http.streaming import Pieces, Streamed
from samplebank.samples.model import SHA256
from samplebank.search.overview import Overview
from samplebank.verdicts.model import word_for
from samplebank.web.pages.bulk import NONE_SELECTED
from samplebank.web.visit import Visit

#: nobody can page past so many matches
MOST: Final = 20_000
COLUMNS: Final = ("sha256", "md5", "sha1", "size", "type", "verdict", "score", "created", "last_submitted")
MEDIA_TYPES: Final = {"hashes": "text/plain", "csv": "text/csv", "json": "application/json"}
#: the last line of a list of lines that breaks off
BROKEN_OFF: Final = b"# The list breaks off here, and is not whole: save the list again.\n"
ENDINGS: Final = {"hashes": "txt", "csv": "csv", "json": "json"}


class ExportQuery(Body):
    """The samples that `q` finds, which is every sample where `q` is empty; or the samples of the digests alone."""

    q: Text | None = None
    format: Literal["hashes", "csv", "json"] = "hashes"
    sha256: Annotated[list[str], Meta(max_length=1000)] | None = None


@get("/samples/export", opt=operation("exportSamples", Permission.VIEW_SAMPLES, act=Kind.DOWNLOAD))
async def export(request: Visit) -> Streamed:
    """Send the samples that the query finds, newest first, at most 20,000; or the selected samples."""
    query = request.read_query(ExportQuery)
    found_by, asked = _what(query)
    listing = samples_of(request, found_by)

    async def pieces() -> AsyncGenerator[list[Overview], None]:
        async with (
            request.budgets.lists.turn(request.caller.user.id),
            request.bank.database.transaction(read_only=True) as db,
            aclosing(listing.pieces(db, Part(MOST))) as found,
        ):
            async for rows in found:
                yield rows

    await request.record_download(None, format=query.format, asked=asked[:LONGEST])
    write = {"hashes": _hashes, "csv": _csv(request), "json": _json(request)}[query.format]
    written = write(pieces())
    written = await request.opened(written if query.format == "json" else marked(written))
    headers = {"Cache-Control": "no-store"}
    name = f"samples.{ENDINGS[query.format]}"
    return attachment(written, name, None, MEDIA_TYPES[query.format], headers=headers)


def _what(query: ExportQuery) -> tuple[str, str]:
    """The query that finds the samples, and what the ledger says of the query. The form sends nothing for no selection."""
    if query.sha256:
        return " ".join(_digests(query.sha256)), f"{len(query.sha256)} selected samples"
    if query.q is None:
        raise invalid("sha256", NONE_SELECTED)
    return query.q, query.q


def _digests(given: Sequence[str]) -> Sequence[str]:
    for position, digest in enumerate(given):
        if not SHA256.fullmatch(digest):
            raise invalid(f"sha256[{position}]", f"{digest[:100]!r} is no SHA-256.")
    return given


Rows = AsyncGenerator[list[Overview], None]


async def marked(lines: Pieces) -> Pieces:
    """The lines of a list. Where the list breaks off, the last line says so: readers cannot tell from a whole list otherwise."""
    has_begun = False
    async with aclosing(lines):
        try:
            async for some in lines:
                yield some
                has_begun = True
        except (Unavailable, *TROUBLE):
            if has_begun:
                yield BROKEN_OFF
            raise


async def _hashes(rows: Rows) -> Pieces:
    async with aclosing(rows):
        async for some in rows:
            yield "".join(f"{sample.sha256.hex()}\n" for sample in some).encode()


def _csv(request: Visit) -> Callable[[Rows], Pieces]:
    async def write(rows: Rows) -> Pieces:
        # The heads go with the first samples: a list that cannot be read is refused.
        head: list[Sequence[object]] = [COLUMNS]
        async with aclosing(rows):
            async for some in rows:
                cells = [_cells(sample, request.bank.settings.malicious_score) for sample in some]
                yield _lines([*head, *cells])
                head = []
        if head:
            yield _lines(head)

    return write


def _lines(rows: Iterable[Sequence[object]]) -> bytes:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue().encode("utf-8", "replace")


def _cells(sample: Overview, malicious_score: int) -> list[object]:
    verdict = sample.verdict
    return [
        sample.sha256.hex(),
        "" if sample.md5 is None else sample.md5.hex(),
        "" if sample.sha1 is None else sample.sha1.hex(),
        sample.size,
        harmless(sample.type or ""),
        word_for(verdict, malicious_score),
        "" if verdict is None else verdict.score,
        timespec.iso(sample.created_time),
        "" if sample.last_submitted is None else timespec.iso(sample.last_submitted),
    ]


def _json(request: Visit) -> Callable[[Rows], Pieces]:
    """One list of samples as the interface shows samples."""

    async def write(rows: Rows) -> Pieces:
        is_first = True
        async with aclosing(rows):
            async for some in rows:
                shown = [msgspec.json.encode(show_sample(one, request.bank.directory)) for one in some]
                yield (b"[\n" if is_first else b",\n") + b",\n".join(shown)
                is_first = False
        yield b"[]\n" if is_first else b"\n]\n"

    return write


ROUTES = [export]
