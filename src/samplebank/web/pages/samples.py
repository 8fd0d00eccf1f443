"""The list of samples: newest first, or those that a query finds."""

import secrets
from typing import ClassVar, Final

import msgspec
from litestar import Response, get

from samplebank.accounts.model import Permission
from samplebank.api.cursors import After
from samplebank.api.search.queries import Text, samples_of
from samplebank.api.search.samples import Sort
from samplebank.database import Page as Part
from samplebank.errors import Invalid
from samplebank.http.operation import operation
from samplebank.http.shapes import Body
from samplebank.search.overview import SeenOverview
from samplebank.verdicts.model import word_for
from samplebank.web.copying import Copied, of_samples
from samplebank.web.pages import export
from samplebank.web.querying import Fewer, Mistake, mistakes_in, without_one
from samplebank.web.rendering import Page
from samplebank.web.visit import Visit, permissions_of

#: samples on a page
MOST: Final = 50
BAD_REQUEST: Final = 400


class SamplesQuery(Body):
    q: Text = ""
    sort: Sort = "-sampleCreatedTimestamp"
    after: After | None = None


class Listed(msgspec.Struct, frozen=True):
    """A sample, as a line of the list."""

    sha256: str
    word: str
    score: int | None
    name: str | None
    type: str | None
    size: int
    customer: str | None
    last_seen: int | None


class SamplesPage(Page, frozen=True):
    """`count` is of all matches, -1 where only `at_least` is known.

    With `mistakes` in the query there are no rows, and nothing is `copied`. `fewer` are queries to try where nothing
    matches. `key` tells a form that is sent twice.
    """

    template: ClassVar[str] = "samples.html"
    section: ClassVar[str] = "samples"

    query: str
    sort: str
    mistakes: list[Mistake]
    rows: list[Listed]
    fewer: list[Fewer]
    count: int
    at_least: int
    older: str | None
    copied: Copied | None
    may: frozenset[Permission]
    key: str
    most_in_a_file: int = export.MOST


@get("/samples", opt=operation("showSamples", Permission.VIEW_SAMPLES))
async def show_samples(request: Visit) -> Response[bytes]:
    """Show the samples that match the query."""
    query = request.read_query(SamplesQuery)
    try:
        listing = samples_of(request, query.q, (query.sort,))
        listing.with_newest()
    except Invalid as error:
        return request.page(_refused(request, query, error), BAD_REQUEST)
    _, found, older = await request.found_behind(listing, Part(limit=MOST), asked=query, after=query.after)
    samples: list[SeenOverview] = [] if found is None else found.rows
    number = None if found is None else found.number
    return request.page(
        SamplesPage(
            query=query.q,
            sort=query.sort,
            mistakes=[],
            rows=[_row(request, sample) for sample in samples],
            fewer=[] if samples else without_one(query.q),
            count=0 if number is None else number.number,
            at_least=0 if number is None else number.at_least,
            older=older,
            copied=of_samples(request.address, query.q),
            may=permissions_of(request.caller),
            key=secrets.token_hex(16),
        )
    )


def _refused(request: Visit, query: SamplesQuery, error: Invalid) -> SamplesPage:
    return SamplesPage(
        query=query.q,
        sort=query.sort,
        mistakes=mistakes_in(query.q, error.violations),
        rows=[],
        fewer=[],
        count=0,
        at_least=0,
        older=None,
        copied=None,
        may=permissions_of(request.caller),
        key=secrets.token_hex(16),
    )


def _row(request: Visit, sample: SeenOverview) -> Listed:
    verdict, newest, directory = sample.verdict, sample.newest, request.bank.directory
    return Listed(
        sha256=sample.sha256.hex(),
        word=word_for(verdict, request.bank.settings.malicious_score),
        score=None if verdict is None else verdict.score,
        name=None if newest is None else newest.file_name,
        type=sample.type,
        size=sample.size,
        customer=None if newest is None else directory.customer(newest.customer_id).short_name,
        last_seen=None if newest is None else newest.submitted_time,
    )


ROUTES = [show_samples]
