"""The bytes of a sample, 4 KiB at an offset, as text: never as bytes that a browser or scanner could take for a file."""

import re
from typing import Annotated, ClassVar, Final

import msgspec
from litestar import Response, get
from markupsafe import Markup
from msgspec import Meta

from samplebank import contents
from samplebank.accounts.model import Permission
from samplebank.analyses.queries import latest_structure
from samplebank.contents.windows import PAGE
from samplebank.errors import invalid
from samplebank.http.operation import operation
from samplebank.http.shapes import Body
from samplebank.http.turns import while_connected
from samplebank.samples.model import Sample
from samplebank.web.copying import Copied, of_view
from samplebank.web.hexing import ROW, HexRow, rows_of
from samplebank.web.layout import MOST, FilePart, part_at, parts_of, parts_within, strip
from samplebank.web.rendering import Page
from samplebank.web.sample_head import Head, read_head_of_bytes
from samplebank.web.visit import Visit

#: whoever may have the bytes may look at parts of the bytes
NEEDED: Final = (Permission.DOWNLOAD, Permission.DOWNLOAD_UNRESTRICTED)
OFFSET: Final = re.compile(r"0[xX][0-9a-fA-F]{1,16}|[0-9]{1,19}")
HIGHEST: Final = 2**63 - 1
NO_OFFSET: Final = "is no offset: give a number of bytes, such as 4096 or 0x1000."
#: the worker whose results tell the parts of a file
STRUCTURE: Final = "static"


class BytesQuery(Body):
    at: Annotated[str, Meta(max_length=40)] = "0"
    find: Annotated[str, Meta(max_length=200)] = ""


class Search(msgspec.Struct, frozen=True):
    """What a search came to. `offset` is None where nothing was found before `reached`; `further` is where to go on.

    `is_nearly_hex` is that of `contents.Pattern`.
    """

    is_nearly_hex: bool
    offset: int | None
    length: int
    form: str | None
    begun: int
    reached: int
    further: int | None


class HexPage(Page, frozen=True):
    """`at` is the offset of the first row. `earlier` and `later` are None at the ends of the file."""

    template: ClassVar[str] = "hexview.html"
    section: ClassVar[str] = "samples"

    head: Head
    copied: Copied
    at: int
    wanted: str
    search: Search | None
    rows: list[HexRow]
    parts: list[FilePart]
    more_parts: int
    current: FilePart | None
    strip: Markup
    earlier: int | None
    later: int | None


def read_offset(text: str) -> int:
    """Read an offset, decimal or hexadecimal. Raises `Invalid`."""
    given = text.strip() or "0"
    if not OFFSET.fullmatch(given):
        raise invalid("at", f"{given[:40]!r} {NO_OFFSET}")
    offset = int(given, 16 if given[:2] in {"0x", "0X"} else 10)
    if offset > HIGHEST:
        raise invalid("at", f"{given[:40]!r} is more than any file has: give an offset within the sample.")
    return offset


@get("/sample/{sha256:str}/bytes", opt=operation("showBytes", *NEEDED))
async def show_bytes(request: Visit) -> Response[bytes]:
    """Show the bytes at an offset, or the first place of a pattern from the offset on."""
    async with request.reading() as db:
        structured = latest_structure(request.caller, STRUCTURE)
        sample, head, structure = await read_head_of_bytes(request, db, NEEDED, structured)
    query = request.read_query(BytesQuery)
    at = read_offset(query.at)
    search = await _search(request, sample, query.find.strip(), at)
    if search is not None and search.offset is not None:
        at = search.offset
    at -= at % ROW
    data = await contents.page_of_bytes(request.bank.blobs, sample, at)
    parts = parts_of(structure, sample.size)
    found = range(0)
    if search is not None and search.offset is not None:
        found = range(search.offset, search.offset + search.length)
    return request.page(
        HexPage(
            copied=of_view(request.address, "bytes", head.sha256, {"at": at}),
            head=head,
            at=at,
            wanted=query.find.strip(),
            search=search,
            rows=rows_of(data, at, found, parts_within(parts, at, at + PAGE)),
            parts=parts[:MOST],
            more_parts=len(parts[MOST:]),
            current=part_at(parts, at),
            strip=strip(parts, sample.size, at, f"{request.root}sample/{head.sha256}/bytes?at="),
            earlier=_earlier(at, sample.size),
            later=at + PAGE if at + PAGE < sample.size else None,
        )
    )


def _earlier(at: int, size: int) -> int | None:
    """The offset of the page before; of the last page for an offset behind the end."""
    if not at:
        return None
    return max(0, min(at, size + PAGE - 1 - (size - 1) % PAGE) - PAGE)


async def _search(request: Visit, sample: Sample, wanted: str, at: int) -> Search | None:
    if not wanted:
        return None
    pattern = contents.read_pattern(wanted)
    async with while_connected(request.disconnected), request.budgets.files.turn(request.caller.user.id):
        found = await contents.find(request.bank.blobs, sample, pattern, at)
    return Search(
        is_nearly_hex=pattern.is_nearly_hex,
        offset=found.offset,
        length=found.length,
        form=None if found.form is None else found.form.value,
        begun=at,
        reached=sample.size if found.next is None else found.next,
        further=found.next,
    )


ROUTES = [show_bytes]
