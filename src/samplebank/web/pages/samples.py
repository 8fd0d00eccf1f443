"""The list of samples: newest first, or those that a query finds."""

from typing import Annotated, ClassVar, Final

import msgspec
from litestar import Response, get
from msgspec import Meta

from samplebank.accounts.model import Permission
from samplebank.api.cursors import After
from samplebank.api.search.samples import SampleSearchQuery, listing_of
from samplebank.database import Page as Part
from samplebank.http.operation import operation
from samplebank.http.shapes import Body
from samplebank.search.overview import Overview
from samplebank.search.sightings import newest_sightings
from samplebank.verdicts.model import word_of
from samplebank.web.rendering import Page
from samplebank.web.visit import Visit

#: samples on a page
MOST: Final = 50


class SamplesQuery(Body):
    q: Annotated[str, Meta(max_length=10_000)] = ""
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
    """`count` is of all matches, -1 where only `at_least` is known."""

    template: ClassVar[str] = "samples.html"
    section: ClassVar[str] = "samples"

    query: str
    rows: list[Listed]
    count: int
    at_least: int
    older: str | None


@get("/samples", opt=operation("showSamples", Permission.VIEW_SAMPLES))
async def show_samples(request: Visit) -> Response[bytes]:
    """Show the samples that match the query."""
    query = request.read_query(SamplesQuery)
    asked = SampleSearchQuery(keywords=query.q.split() or None)
    _, found, older = await request.found_behind(
        listing_of(request, asked), Part(limit=MOST), asked=query, after=query.after
    )
    samples: list[Overview] = [] if found is None else found.rows
    async with request.reading() as db:
        seen = await newest_sightings(db, request.caller, [one.sha256 for one in samples])
    malicious_score, directory = request.bank.settings.malicious_score, request.bank.directory

    def row_of(sample: Overview) -> Listed:
        verdict, sighting = sample.verdict, seen.get(sample.sha256)
        word = "unknown"
        if verdict is not None:
            word = word_of(verdict.score, verdict.status_override, malicious_score)
        return Listed(
            sha256=sample.sha256.hex(),
            word=word,
            score=None if verdict is None else verdict.score,
            name=None if sighting is None else sighting.file_name,
            type=sample.type,
            size=sample.size,
            customer=None if sighting is None else directory.customer(sighting.customer_id).short_name,
            last_seen=None if sighting is None else sighting.submitted_time,
        )

    number = None if found is None else found.number
    return request.page(
        SamplesPage(
            query=query.q,
            rows=[row_of(sample) for sample in samples],
            count=0 if number is None else number.number,
            at_least=0 if number is None else number.at_least,
            older=older,
        )
    )


ROUTES = [show_samples]
