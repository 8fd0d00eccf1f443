"""The bytes of a sample as they are, after a word of warning."""

from typing import ClassVar, Final

from litestar import Response, get, post

from samplebank.accounts.model import Permission
from samplebank.api.downloads import BINARY, attachment
from samplebank.audit.model import Kind
from samplebank.blobs import Area, verified
from samplebank.http.operation import operation
from samplebank.http.shapes import NoQuery
from samplebank.http.streaming import Streamed
from samplebank.web.copying import Copied, of_raw
from samplebank.web.rendering import Page
from samplebank.web.sample_head import Head, read_head_of_bytes
from samplebank.web.visit import Visit

NEEDED: Final = (Permission.DOWNLOAD_RAW, Permission.DOWNLOAD_UNRESTRICTED)


class RawPage(Page, frozen=True):
    template: ClassVar[str] = "raw.html"
    section: ClassVar[str] = "samples"

    head: Head
    copied: Copied


@get("/sample/{sha256:str}/raw", opt=operation("showRaw", *NEEDED))
async def show_raw(request: Visit) -> Response[bytes]:
    """Say what a raw download is, and offer the download."""
    async with request.reading() as db:
        _, head, _ = await read_head_of_bytes(request, db, NEEDED)
    request.read_query(NoQuery)
    return request.page(RawPage(head=head, copied=of_raw(request.address, head.sha256)))


@post(
    "/sample/{sha256:str}/raw",
    opt=operation("downloadRawByPage", *NEEDED, act=Kind.DOWNLOAD),
    status_code=200,
)
async def download_raw(request: Visit) -> Streamed:
    """Send the bytes as uploaded, as a file. Only a form sends a browser here, so that no link starts a download."""
    request.read_query(NoQuery)
    await request.read_form()
    sample = await request.visible_sample(*NEEDED)
    await request.record_download(sample.sha256, bytes=sample.size)
    pieces = verified(request.bank.blobs.read(Area.SAMPLE, sample.sha256), sample.sha256)
    return attachment(await request.opened(pieces), sample.sha256.hex(), sample.size, BINARY)


ROUTES = [show_raw, download_raw]
