"""Style, scripts and pictures of the pages, served under the digest of their content, to be kept for ever."""

from typing import Final

from litestar import Response, get

from samplebank.errors import NotFound
from samplebank.web.assets import ASSETS, DIGEST
from samplebank.web.visit import Visit

FOR_EVER: Final = "public, max-age=31536000, immutable"
NO_ASSET: Final = "This file of the pages is not there: load the page again."


@get(
    ["/-/{digest:str}/{name:str}", "/-/{digest:str}/vendor/{vendored:str}"], opt={"open": True, "asset": True}
)
async def get_asset(request: Visit) -> Response[bytes]:
    """A file of the pages. Another digest is another release, whose files are not here."""
    names = request.path_params
    name = f"vendor/{names['vendored']}" if "vendored" in names else str(names["name"])
    asset = ASSETS.get(name)
    if asset is None or names["digest"] != DIGEST:
        raise NotFound(NO_ASSET)
    headers = {"Cache-Control": FOR_EVER, "Vary": "Accept-Encoding", "X-Content-Type-Options": "nosniff"}
    if not request.takes_gzip:
        return Response(asset.content, media_type=asset.media_type, headers=headers)
    return Response(
        asset.packed, media_type=asset.media_type, headers={**headers, "Content-Encoding": "gzip"}
    )


ROUTES = [get_asset]
