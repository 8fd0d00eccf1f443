"""What links lead to. A sample that is missing, deleted or invisible to the caller all look the same: like none."""

from collections.abc import AsyncGenerator, Iterable

import msgspec

from samplebank.accounts.caller import Caller
from samplebank.database import Connection, Made, Page
from samplebank.database.listing import Listing
from samplebank.samples.links import Link
from samplebank.search.overview import Overview, get_overviews


class Reference(msgspec.Struct, frozen=True):
    """A link with the sample that it leads to, where the caller may see that."""

    link: Link
    sample: Overview | None = None


class References(Listing[Reference]):
    """A list of links, each with the sample that it leads to: one more query for each piece, none for each row."""

    def __init__(self, caller: Caller, links: Listing[Link]) -> None:
        super().__init__(
            Made(links.columns, Reference), links.source, links.where, links.order, counted=links.counted
        )
        self._caller = caller

    async def page(self, db: Connection, page: Page) -> list[Reference]:
        return await follow(db, self._caller, (row.link for row in await super().page(db, page)))

    async def pieces(self, db: Connection, page: Page) -> AsyncGenerator[list[Reference], None]:
        async for rows in super().pieces(db, page):
            yield await follow(db, self._caller, (row.link for row in rows))


async def follow(db: Connection, caller: Caller, links: Iterable[Link]) -> list[Reference]:
    """Find what the links lead to."""
    listed = list(links)
    found = await get_overviews(db, caller, list({link.reference for link in listed}))
    return [Reference(link, found.get(link.reference)) for link in listed]
