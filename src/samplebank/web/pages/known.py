"""Which files the service has already, for the page that sends files: told by hash, before the bytes travel.

The page tells only of samples that the visitor may see anyway. The hash opens nothing: a submission needs the bytes.
"""

from typing import Annotated

import msgspec
from litestar import Response, get
from msgspec import Meta

from samplebank.accounts.model import Permission
from samplebank.http.operation import operation
from samplebank.http.shapes import END, Body
from samplebank.search.overview import Overview, get_overviews
from samplebank.verdicts.model import word_for
from samplebank.web.formatting import duration
from samplebank.web.headers import PAGE
from samplebank.web.visit import Visit

#: the most hashes of a request
MOST = 50

Sha256 = Annotated[str, Meta(pattern=f"^[0-9a-f]{{64}}{END}")]


class KnownQuery(Body):
    sha256: Annotated[list[Sha256], Meta(max_length=MOST)] | None = None


@get("/submit/known", opt=operation("tellKnown", Permission.VIEW_SAMPLES, aside=True))
async def tell_known(request: Visit) -> Response[bytes]:
    """Answer, as JSON, what is known of the samples: `{sha256: words}`. Samples that the visitor may not see are left out."""
    wanted = [bytes.fromhex(sha256) for sha256 in request.read_query(KnownQuery).sha256 or ()]
    async with request.reading() as db:
        found = await get_overviews(db, request.caller, wanted)
    told = {sha256.hex(): _words(request, overview) for sha256, overview in found.items()}
    return Response(msgspec.json.encode(told), media_type="application/json", headers=PAGE)


def _words(request: Visit, overview: Overview) -> str:
    seen = overview.last_submitted
    last = "" if seen is None else f", last seen {duration(request.now - seen)} ago"
    word = word_for(overview.verdict, request.bank.settings.malicious_score)
    return f"known{last}: {word}"


ROUTES = [tell_known]
