"""Queries that visitors save: under a name, for the page of the account, the first page and Ctrl+K."""

from collections.abc import Callable, Mapping
from typing import Final

from litestar import Response, post

from samplebank.accounts import saved_queries
from samplebank.accounts.model import Permission
from samplebank.accounts.saved_queries import LONGEST_NAME, LONGEST_QUERY, NO_QUERY
from samplebank.api.search.queries import jobs_of, samples_of
from samplebank.database.identifiers import find_id
from samplebank.errors import NotFound, invalid
from samplebank.http.operation import operation
from samplebank.http.shapes import NoQuery
from samplebank.web.visit import Visit

#: what finds the mistakes in a query of each kind
CHECKS: Final[Mapping[str, Callable[[Visit, str], object]]] = {"samples": samples_of, "jobs": jobs_of}
NAMELESS: Final = f"A saved query has a name of 1 to {LONGEST_NAME} characters: type a name."
NO_KIND: Final = "Queries are saved for samples and for jobs: load the page again, and send the form again."
UNFIT: Final = f"A query of 1 to {LONGEST_QUERY:,} characters can be saved: save a shorter query."


@post("/queries", opt=operation("saveQuery", Permission.VIEW_SAMPLES, Permission.VIEW_JOBS), status_code=303)
async def save_query(request: Visit) -> Response[bytes]:
    """Save a query without mistakes. A query that is saved under a name again takes the place of the former."""
    request.read_query(NoQuery)
    given = {name: values[0].strip() for name, values in (await request.read_form()).items()}
    kind, name, query = (given.get(one, "") for one in ("kind", "name", "q"))
    if kind not in CHECKS:
        raise invalid("kind", NO_KIND)
    if not 0 < len(name) <= LONGEST_NAME:
        raise invalid("name", NAMELESS)
    if not 0 < len(query) <= LONGEST_QUERY:
        raise invalid("q", UNFIT)
    CHECKS[kind](request, query)
    async with request.bank.database.transaction() as db:
        await saved_queries.save(db, request.caller.user.id, kind, name, query, now=request.now)
    return request.to("me#queries")


@post("/queries/{query_id:str}/remove", opt=operation("removeQuery"), status_code=303)
async def remove_query(request: Visit) -> Response[bytes]:
    """Remove a query of the visitor's own."""
    request.read_query(NoQuery)
    await request.read_form()
    id_ = find_id(request.path("query_id"))
    if id_ is None:
        raise NotFound(NO_QUERY)
    async with request.bank.database.transaction() as db:
        await saved_queries.remove(db, id_, request.caller.user.id)
    return request.to("me#queries")


ROUTES = [save_query, remove_query]
