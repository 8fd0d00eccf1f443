"""The strings of a sample with their offsets, a window at a time."""

from typing import Annotated, ClassVar, Final

from litestar import Response, get
from msgspec import Meta

from samplebank import contents
from samplebank.contents.strings import LEAST
from samplebank.contents.strings import FoundString as Found
from samplebank.http.operation import operation
from samplebank.http.shapes import Body
from samplebank.web.copying import Copied, of_view
from samplebank.web.pages.hexview import NEEDED, read_offset
from samplebank.web.rendering import Page
from samplebank.web.sample_head import Head, read_head_of_bytes
from samplebank.web.visit import Visit

#: bytes that one page looks through: some hundreds of strings in a program
WINDOW: Final = 64 * 1024


class StringsQuery(Body):
    at: Annotated[str, Meta(max_length=40)] = "0"
    least: Annotated[int, Meta(ge=3, le=200)] = LEAST
    like: Annotated[str, Meta(max_length=200)] = ""


class StringsPage(Page, frozen=True):
    """The strings that begin from `at` to before `reached`. `further` is where to go on, None at the end of the file."""

    template: ClassVar[str] = "strings.html"
    section: ClassVar[str] = "samples"

    head: Head
    copied: Copied
    at: int
    least: int
    like: str
    rows: list[Found]
    reached: int
    further: int | None


@get("/sample/{sha256:str}/strings", opt=operation("showStrings", *NEEDED))
async def show_strings(request: Visit) -> Response[bytes]:
    """Show the strings that begin within a window of the sample."""
    async with request.reading() as db:
        sample, head, _ = await read_head_of_bytes(request, db, NEEDED)
    query = request.read_query(StringsQuery)
    at = read_offset(query.at)
    # who looks for a text wants the next place, however far
    window = contents.strings.WINDOW if query.like else WINDOW
    async with request.budgets.files.turn(request.caller.user.id):
        found = await contents.strings_window(
            request.bank.blobs, sample, at, window=window, least=query.least, like=query.like
        )
    return request.page(
        StringsPage(
            copied=of_view(
                request.address, "strings", head.sha256, {"at": at, "least": query.least, "like": query.like}
            ),
            head=head,
            at=at,
            least=query.least,
            like=query.like,
            rows=found.found,
            reached=sample.size if found.next is None else found.next,
            further=found.next,
        )
    )


ROUTES = [show_strings]
