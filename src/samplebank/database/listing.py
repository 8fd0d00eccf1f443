"""Lists: one page at a time, or all of it in pieces through a cursor, with the number of all matches."""

from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

import asyncpg

from samplebank.database.columns import Shape
from samplebank.database.connection import Connection
from samplebank.database.query import Page
from samplebank.database.sql import Sql

R = TypeVar("R")
#: a plan that gives rows as it goes, rather than one that gathers them first, in the memory of the database
AS_A_STREAM = "SET LOCAL cursor_tuple_fraction = 0.001; SET LOCAL work_mem = '4MB'"
#: rows fetched at once from the cursor of an unlimited list
PIECE = 500
#: the count of a list that takes too long to count
UNCOUNTED = -1


class Listing(Generic[R]):
    """A question whose answer is a list.

    `number` is an expression for the number of all matches, where there is a better one than to count the rows of `source`.
    """

    #: whether a page of it may ask much of the database
    is_dear = False

    def __init__(
        self, columns: Shape[R], source: str | Sql, where: Sql, order: str, *, number: Sql | None = None
    ) -> None:
        self.columns = columns
        self.source = source if isinstance(source, Sql) else Sql(source)
        self.where = where
        self.order = order
        self.number = (
            number if number is not None else Sql("(SELECT count(*) FROM {} WHERE {})", self.source, where)
        )

    async def page(self, db: Connection, page: Page) -> list[R]:
        return [self.columns.read(row) for row in await self._selected(page).rows(db)]

    async def pieces(self, db: Connection, page: Page) -> AsyncGenerator[list[R], None]:
        """The rows in pieces; `db` is in a transaction for as long as this lasts."""
        query, values = self._selected(page).render()
        await db.execute(AS_A_STREAM)
        cursor = await db.cursor(query, *values)
        while rows := await cursor.fetch(PIECE):
            yield [self.columns.read(row) for row in rows]

    async def count(self, db: Connection, budget: int) -> int:
        """The number of all matches; `UNCOUNTED` when it takes longer than `budget` milliseconds.

        `db` is not in a transaction, because running out of time would break it.
        """
        query, values = Sql("SELECT {}", self.number).render()
        try:
            found: int = await db.fetchval(query, *values, timeout=budget / 1000)
        except (TimeoutError, asyncpg.QueryCanceledError):
            return UNCOUNTED
        return found

    def _selected(self, page: Page) -> Sql:
        return Sql(
            f"SELECT {{}} FROM {{}} WHERE {{}} {self.order} {page.clause()}",
            self.columns.selected,
            self.source,
            self.where,
        )
