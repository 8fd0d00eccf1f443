"""The published description of the interface: the OpenAPI document and a page for browsing. Neither needs a key."""

import msgspec
from litestar import Litestar, Response, get

from samplebank.api.call import Call
from samplebank.api.envelope import JSON
from samplebank.api.published import reference
from samplebank.api.published.openapi import document_of
from samplebank.http.operation import OPEN


class Publication(msgspec.Struct, frozen=True):
    """The document and the page, made once for each process."""

    document: bytes
    page: bytes


@get("/openapi.json", opt=OPEN)
async def get_document(request: Call) -> Response[bytes]:
    """The OpenAPI document of all operations."""
    return Response(content=published_by(request.app).document, media_type=JSON)


@get("/docs", opt=OPEN)
async def get_page(request: Call) -> Response[bytes]:
    """The OpenAPI document as a page for people. The page is complete in itself and may load nothing."""
    headers = {"Content-Security-Policy": reference.POLICY, "X-Content-Type-Options": "nosniff"}
    return Response(content=published_by(request.app).page, media_type="text/html", headers=headers)


def published_by(app: Litestar) -> Publication:
    published: Publication | None = app.state.get("published")
    if published is None:
        document = document_of(app.routes)
        published = Publication(msgspec.json.encode(document), reference.page_of(document).encode())
        app.state.published = published
    return published


ROUTES = [get_document, get_page]
