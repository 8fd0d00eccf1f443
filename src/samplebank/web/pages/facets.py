"""What the newest matches of a query are like. A page of its own; with scripts a part of the list of samples."""

import asyncio
from typing import ClassVar, Final

import msgspec
from litestar import Response, get
from markupsafe import Markup

from samplebank import timespec
from samplebank.accounts.caller import sees_customer
from samplebank.accounts.model import Permission
from samplebank.api.search.queries import Text, samples_of
from samplebank.http.operation import operation
from samplebank.http.shapes import Body
from samplebank.search.facets import DAY, MOST, Facets, facets_of
from samplebank.web.charts import Bar, bars
from samplebank.web.formatting import number, quoted
from samplebank.web.querying import narrowed
from samplebank.web.rendering import Page
from samplebank.web.visit import Visit

#: seconds after which nothing is told of the matches
BUDGET: Final = 1.0
#: days of the chart
LEAST_DAYS, MOST_DAYS = 14, 60


class Value(msgspec.Struct, frozen=True):
    """A value, with the query that also asks for the value, and the term that asks for the value alone."""

    value: str
    number: int
    query: str
    term: str


class FacetsPage(Page, frozen=True):
    """`kinds` are None where the look took too long."""

    template: ClassVar[str] = "facets.html"
    section: ClassVar[str] = "samples"

    query: str
    looked_at: int
    chart: Markup
    kinds: list[tuple[str, list[Value]]] | None


class FacetsQuery(Body):
    q: Text = ""


@get("/samples/facets", opt=operation("showFacets", Permission.VIEW_SAMPLES))
async def show_facets(request: Visit) -> Response[bytes]:
    """Show how many of the newest matches have which verdict, type and customer, and on which days the matches came."""
    query = request.read_query(FacetsQuery).q
    listing = samples_of(request, query)

    async def look() -> Facets:
        async with request.reading() as db:
            malicious_score = request.bank.settings.malicious_score
            return await facets_of(db, request.caller, listing, malicious_score)

    try:
        async with asyncio.timeout(BUDGET):
            found = await request.dearly(look)
    except TimeoutError:
        return request.page(FacetsPage(query=query, looked_at=0, chart=Markup(), kinds=None))
    kinds = (("verdict", found.verdicts), ("type", found.types), ("customer", _named(request, found)))
    return request.page(
        FacetsPage(
            query=query,
            looked_at=found.looked_at,
            chart=_chart(request.root, query, found),
            kinds=[
                (
                    kind,
                    [
                        Value(value, count, narrowed(query, kind, value), narrowed("", kind, value))
                        for value, count in values
                    ],
                )
                for kind, values in kinds
            ],
        )
    )


def _named(request: Visit, found: Facets) -> list[tuple[str, int]]:
    """The most frequent customers that the caller may name in a query: others share their submissions with the caller."""
    customers = [(request.bank.directory.customer(id_), count) for id_, count in found.customers]
    return [
        (customer.short_name, count)
        for customer, count in customers
        if sees_customer(request.caller, customer, Permission.VIEW_SAMPLES)
    ][:MOST]


def _chart(root: str, query: str, found: Facets) -> Markup:
    """A bar for each day between the first and the last match: for 14 days at least, and for the last 60 days at most."""
    if not found.days:
        return Markup()
    numbers, last = dict(found.days), found.days[-1][0]
    first = max(found.days[0][0], last - (MOST_DAYS - 1) * DAY)
    days = range(min(first, last - (LEAST_DAYS - 1) * DAY), last + 1, DAY)
    drawn = [_bar(root, query, day, numbers.get(day, 0)) for day in days]
    return bars("Matches by day", drawn, (_date(days[0]), _date(last)))


def _date(day: int) -> str:
    return timespec.iso(day)[:10]


def _bar(root: str, query: str, day: int, count: int) -> Bar:
    name = _date(day)
    link = f"{root}samples?q={quoted(narrowed(query, 'created', name))}" if count else None
    return Bar(count, f"{name}: {number(count)}", link)


ROUTES = [show_facets]
