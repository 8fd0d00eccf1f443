"""Contents: bytes, strings and places of a pattern at any offset of a sample, as text. The answers are no files to save."""

from typing import Annotated, Any, Literal

from litestar import get
from msgspec import Meta

from samplebank import contents
from samplebank.accounts.model import Permission
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.contents import strings, windows
from samplebank.http.operation import EXTENSIONS, operation
from samplebank.http.shapes import Body, Int64, Shown
from samplebank.http.turns import while_connected
from samplebank.samples.model import Sample

ONE = f"{EXTENSIONS}/sample/{{sha256:str}}"
#: whoever may have the bytes may look at parts of the bytes
NEEDED = (Permission.DOWNLOAD, Permission.DOWNLOAD_UNRESTRICTED)
Place = Annotated[int, Meta(ge=0, le=2**63 - 1, extra_json_schema={"format": "int64"})]


class BytesQuery(Body):
    at: Place = 0
    length: Annotated[int, Meta(ge=1, le=windows.PAGE)] = windows.PAGE


class StringsQuery(Body):
    at: Place = 0
    window: Annotated[int, Meta(ge=1, le=strings.WINDOW)] = strings.USUAL
    least: Annotated[int, Meta(ge=3, le=200)] = strings.LEAST
    like: Annotated[str, Meta(max_length=200)] = ""


class FindQuery(Body):
    pattern: Annotated[str, Meta(min_length=1, max_length=200)]
    at: Place = 0


class BytesResponse(Shown):
    """`bytes` are the bytes in hex, `size` is the size of the whole sample."""

    at: Int64
    size: Int64
    bytes: str


class StringResponse(Shown):
    """`cut` tells that the string goes on behind `text`."""

    offset: Int64
    kind: Literal["ascii", "wide"]
    text: str
    cut: bool


class StringsResponse(Shown):
    """`next` is the `at` of the next window. Behind the last window there is none."""

    at: Int64
    size: Int64
    strings: list[StringResponse]
    next: Int64 | None = None


class FindResponse(Shown):
    """`offset` is the first place of the pattern. Without `offset`, nothing was found before `next`, or before the end."""

    at: Int64
    size: Int64
    offset: Int64 | None = None
    length: int | None = None
    form: Literal["bytes", "text", "wide"] | None = None
    next: Int64 | None = None


@get(f"{ONE}/bytes", opt=operation("getSampleBytes", *NEEDED, query=BytesQuery, answers=BytesResponse))
async def get_bytes(request: Call) -> Answer:
    """Read up to 4 KiB of the sample at an offset."""
    sample = await request.visible_sample(*NEEDED)
    query = request.read_query(BytesQuery)
    page = await contents.page_of_bytes(request.bank.blobs, sample, query.at, query.length)
    return await request.show(page, lambda page, _: BytesResponse(query.at, sample.size, page.hex()))


@get(f"{ONE}/strings", opt=operation("listStrings", *NEEDED, query=StringsQuery, answers=StringsResponse))
async def list_strings(request: Call) -> Answer:
    """List the strings that begin within a window of the sample, in ASCII and UTF-16LE, by offset."""
    sample = await request.visible_sample(*NEEDED)
    query = request.read_query(StringsQuery)
    async with request.budgets.files.turn(request.caller.user.id):
        found = await contents.strings_window(
            request.bank.blobs, sample, query.at, window=query.window, least=query.least, like=query.like
        )
    return await request.show(found, lambda found, _: _show_strings(found, sample, query.at))


@get(f"{ONE}/find", opt=operation("findInSample", *NEEDED, query=FindQuery, answers=FindResponse))
async def find_in_sample(request: Call) -> Answer:
    """Find bytes in hex, or a text in UTF-8 or UTF-16LE, from an offset on. The search ends after a second.

    Bytes have two hex digits each. So `4d5` is a text, as is any pattern in quotation marks.
    """
    sample = await request.visible_sample(*NEEDED)
    query = request.read_query(FindQuery)
    pattern = contents.read_pattern(query.pattern)
    async with while_connected(request.disconnected), request.budgets.files.turn(request.caller.user.id):
        found = await contents.find(request.bank.blobs, sample, pattern, query.at)
    return await request.show(found, lambda found, _: _show_found(found, sample, query.at))


def _show_strings(found: contents.Strings, sample: Sample, at: int) -> StringsResponse:
    shown = [StringResponse(one.offset, _name(one.kind), one.text, one.is_cut) for one in found.found]
    return StringsResponse(at, sample.size, shown, found.next)


def _show_found(found: contents.Found, sample: Sample, at: int) -> FindResponse:
    if found.form is None:
        return FindResponse(at, sample.size, next=found.next)
    return FindResponse(at, sample.size, found.offset, found.length, _name(found.form), found.next)


def _name(of: contents.Kind | contents.Form) -> Any:
    return of.value


ROUTES = [get_bytes, list_strings, find_in_sample]
