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
PLANNING = ("plan_cache_mode = force_custom_plan",)
#: starting helpers takes longer than most searches, and there are other callers
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


class SearchListing(Listing[R]):
    async def count(self, db: Connection, budget: int) -> int:
        try:
            async with planned(db, *SERIAL, f"statement_timeout = {int(budget)}"):
                return await super().count(db, 10 * budget)
        except asyncpg.QueryCanceledError:
            return UNCOUNTED
