"""Lists that answer searches: planned for the values at hand, and gathered as a whole, so that page and count are one.

Where that takes too long, as for a keyword that a tenth of all rows hold, the page is looked for in the newest few
thousand rows first, and only when those do not fill it in all.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import asyncpg

from samplebank.database import Connection, Page, Sql
from samplebank.database.listing import UNCOUNTED, Listing

R = TypeVar("R")
#: rows that are looked at first
SHALLOWEST = 5_000
#: how many of them for each row up to the end of the page: what one match in a hundred needs, twice
PER_ROW = 200
#: pages that end deeper than this are looked for in all rows at once
DEEPEST = 50_000
#: milliseconds within which everything may be gathered before the newest rows are looked at instead
TRY = 250
PLANNING = ("plan_cache_mode = force_custom_plan",)
#: starting parallel workers takes longer than most searches, and there are other callers
SERIAL = ("max_parallel_workers_per_gather = 0",)


def depth(page: Page) -> int | None:
    """How many of the newest rows are looked at first; None for no limit."""
    wanted = max(SHALLOWEST, PER_ROW * (page.offset + page.limit))
    return wanted if page.limit and wanted <= DEEPEST else None


@asynccontextmanager
async def planned(db: Connection, *settings: str) -> AsyncIterator[None]:
    """A transaction in which every query is planned for its values; the plan for any values is far off for searches."""
    async with db.transaction(readonly=True):
        await plan_for_values(db, *settings)
        yield


async def plan_for_values(db: Connection, *settings: str) -> None:
    """As `planned`, for the rest of the transaction that `db` is in."""
    await db.execute("; ".join(f"SET LOCAL {setting}" for setting in (*PLANNING, *settings)))


class Gathering:
    """All that is found, gathered at once, so that page and number come from one look."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.takes_long = False

    async def rows(self, db: Connection, query: Sql) -> "list[asyncpg.Record] | None":
        """The answer to a query for everything, the first column of which is its number; None where it takes too long."""
        try:
            async with planned(db, *SERIAL, f"statement_timeout = {TRY}"):
                rows: list[asyncpg.Record] = await query.rows(db)
        except asyncpg.QueryCanceledError:
            self.takes_long = True
            return None
        self.number = rows[0][0]
        return rows


class SearchListing(Listing[R]):
    """A list that may be gathered as a whole, for a page and for its count."""

    is_dear = True
    gathering: Gathering

    async def count(self, db: Connection, budget: int) -> int:
        if self.gathering.number is not None:
            return self.gathering.number
        if self.gathering.takes_long and budget <= TRY:
            return UNCOUNTED
        try:
            async with planned(db, *SERIAL, f"statement_timeout = {int(budget)}"):
                return await super().count(db, 10 * budget)
        except asyncpg.QueryCanceledError:
            return UNCOUNTED
