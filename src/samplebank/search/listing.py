"""Lists that answer searches: planned for the values at hand, and looked for in the newest rows first.

A keyword that many rows hold is found among the newest few thousand; only when those do not fill the page is the
whole index read. So both the common keyword and the one that occurs nowhere are answered at once.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import asyncpg

from samplebank.database import Connection, Page
from samplebank.database.listing import UNCOUNTED, Listing

R = TypeVar("R")
#: rows that are looked at first
SHALLOWEST = 5_000
#: how many of them for each row up to the end of the page: what one match in a hundred needs, twice
PER_ROW = 200
#: pages that end deeper than this are looked for in all rows at once
DEEPEST = 50_000


def depth(page: Page) -> int | None:
    """How many of the newest rows are looked at first; None for no limit."""
    wanted = max(SHALLOWEST, PER_ROW * (page.offset + page.limit))
    return wanted if page.limit and wanted <= DEEPEST else None


@asynccontextmanager
async def planned(db: Connection, budget: int | None = None) -> AsyncIterator[None]:
    """A transaction in which every query is planned for its values; the plan for any values is far off for searches.

    `budget` is the time in milliseconds that a query may take.
    """
    async with db.transaction(readonly=True):
        await db.execute("SET LOCAL plan_cache_mode = force_custom_plan")
        if budget is not None:
            await db.execute(f"SET LOCAL statement_timeout = {int(budget)}")
        yield


class SearchListing(Listing[R]):
    async def count(self, db: Connection, budget: int) -> int:
        try:
            async with planned(db, budget):
                return await super().count(db, 10 * budget)
        except asyncpg.QueryCanceledError:
            return UNCOUNTED
