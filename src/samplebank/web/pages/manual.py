"""How to ask: the fields of the query language, from the vocabularies that queries are read by."""

from typing import ClassVar

from litestar import Response, get

from samplebank.http.operation import operation
from samplebank.http.shapes import NoQuery
from samplebank.query import jobs, samples
from samplebank.query.fields import Field
from samplebank.web.rendering import Page
from samplebank.web.visit import Visit


class HelpPage(Page, frozen=True):
    """`vocabularies` are the fields by what they look for."""

    template: ClassVar[str] = "help.html"
    section: ClassVar[str] = "help"

    vocabularies: list[tuple[str, tuple[Field, ...]]]


@get("/help", opt=operation("showHelp", unheeded=True))
async def show_help(request: Visit) -> Response[bytes]:
    """Show the rules and the fields of queries."""
    request.read_query(NoQuery)
    return request.page(
        HelpPage(vocabularies=[("samples", samples.SAMPLES.fields), ("jobs", jobs.JOBS.fields)])
    )


ROUTES = [show_help]
