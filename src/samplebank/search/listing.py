"""Lists that answer searches. There are several ways to the page, and a list tries its ways until one of them finds the page.

A search for little is gathered as a whole: page and number come from one look. A search for much finds its page by going
through the rows in the order that is asked for, as many of the rows match. Which of the two a search is, the planner estimates
(`widths`). Where the estimate is wrong, gathering stops after `MOST_GATHERED` rows, and going through the rows after a while.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

import asyncpg

from samplebank.database import Connection, Page, Sql
from samplebank.database.counting import ALWAYS, Count
from samplebank.database.listing import PIECE
from samplebank.database.planning import SERIAL, as_written, plan_for_values, planned

R_co = TypeVar("R_co", covariant=True)
#: the most of the newest rows that are looked at first
DEEPEST = 50_000
#: rows that are gathered at most: the number of a list is exact up to 10,000, and a sample has a few rows
MOST_GATHERED = 30_000
#: milliseconds after which a search for much, as the planner says, may be one for little
PATIENCE = 250
#: the same where gathering is possible and dear
HASTE = 60
#: milliseconds after which a query that joins very many sets reads each set once
PATIENCE_WITH_SETS = 500
READ_ONCE = ("enable_nestloop = off",)
AS_USUAL = "SET LOCAL enable_nestloop TO DEFAULT"


async def rows_within(
    db: Connection, query: Sql, milliseconds: int | None, *settings: str
) -> "list[asyncpg.Record] | None":
    """The rows of a query, planned with `settings`; None where the query takes longer than so many milliseconds."""
    limit = () if milliseconds is None else (f"statement_timeout = {milliseconds}",)
    try:
        async with planned(db, *SERIAL, *as_written(query), *settings, *limit):
            rows: list[asyncpg.Record] = await query.rows(db)
    except asyncpg.QueryCanceledError:
        if milliseconds is None:
            raise
        return None
    return rows


async def rows_of_sets(db: Connection, query: Sql) -> "list[asyncpg.Record]":
    """The rows of a query that joins sets of rows, each of which is read once where there are very many.

    Behind the first few sets the planner expects a single row, and each further set would be looked through for each row. That
    is best for few rows, and takes minutes for thousands.
    """
    rows = await rows_within(db, query, PATIENCE_WITH_SETS if as_written(query) else None)
    if rows is None:
        rows = await rows_within(db, query, None, *READ_ONCE)
    return rows or []


async def cursor_over_sets(db: Connection, query: Sql) -> "asyncpg.cursor.Cursor":
    """A cursor over the rows of a query as of `rows_of_sets`. How soon the first piece comes, tells how to join."""
    text, values = query.render()
    written = as_written(query)
    if not written or await _begins_soon(db, query):
        await plan_for_values(db, *SERIAL, *written)
        return await db.cursor(text, *values)
    await plan_for_values(db, *SERIAL, *written, *READ_ONCE)
    cursor = await db.cursor(text, *values)
    # the cursor has its plan by now, and what is read beside the cursor is little
    await db.execute(AS_USUAL)
    return cursor


async def _begins_soon(db: Connection, query: Sql) -> bool:
    text, values = query.render()
    limit = f"statement_timeout = {PATIENCE_WITH_SETS}"
    try:
        async with planned(db, *SERIAL, *as_written(query), limit):
            cursor = await db.cursor(text, *values)
            await cursor.fetch(PIECE)
    except asyncpg.QueryCanceledError:
        return False
    return True


class Way(Protocol[R_co]):
    """A way to the rows on a page."""

    async def find(self, db: Connection, page: Page) -> Sequence[R_co] | None:
        """The rows in order; None where this way does not find the page."""


class Gathering:
    """What is known of the number of matches once they have been gathered."""

    def __init__(self) -> None:
        self.count: Count | None = None
        #: a query with a row for each match, where one is known that is quicker than gathering
        self.matches: Sql | None = None
        #: whether this is a search for much
        self.is_much = False
        #: the place of the list of sets to begin with
        self.narrowest = 0

    def note(self, number: int, *, is_all: bool) -> None:
        """Note that so many matches were gathered. Of much, a number up to `ALWAYS` is not the whole of it."""
        self.is_much = not is_all
        if is_all or number > ALWAYS:
            self.count = Count(number, is_exact=is_all)
