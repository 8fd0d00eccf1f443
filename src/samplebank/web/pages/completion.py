"""What may stand at a place in a query, for the box on every page."""

from typing import Annotated, Final, Literal

import msgspec
from litestar import Response, get
from msgspec import Meta

from samplebank.accounts.caller import sees_customer
from samplebank.accounts.model import Permission
from samplebank.api.search.queries import Text
from samplebank.http.operation import operation
from samplebank.http.shapes import Body
from samplebank.query import jobs, samples
from samplebank.query.completion import complete
from samplebank.web.headers import PAGE
from samplebank.web.visit import Visit

VOCABULARIES: Final = {"samples": samples.SAMPLES, "jobs": jobs.JOBS}


class CompletionQuery(Body):
    q: Text = ""
    at: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    kind: Literal["samples", "jobs"] = "samples"


@get(
    "/complete",
    opt=operation("completeQuery", Permission.VIEW_SAMPLES, Permission.VIEW_JOBS, unheeded=True, aside=True),
)
async def complete_query(request: Visit) -> Response[bytes]:
    """Answer, as JSON, what may stand in which place: `[start, end, [[text, help], ...]]`."""
    query = request.read_query(CompletionQuery)
    known = {"customer": _customers(request)}
    found = complete(query.q, query.at, VOCABULARIES[query.kind], known)
    return Response(msgspec.json.encode(found), media_type="application/json", headers=PAGE)


def _customers(request: Visit) -> list[str]:
    caller = request.caller
    return sorted(
        customer.short_name
        for customer in request.bank.directory.customers
        if sees_customer(caller, customer, Permission.VIEW_SAMPLES)
    )


ROUTES = [complete_query]
