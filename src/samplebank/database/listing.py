"""Lists: one page at a time, or all of it in pieces through a cursor, with the number of all matches."""

import re
from collections.abc import AsyncGenerator
from typing import Any, Generic, TypeVar

import asyncpg

from samplebank.database.columns import Shape
from samplebank.database.connection import Connection
from samplebank.database.query import Page, Where

R = TypeVar("R")
PLACEHOLDER = re.compile(r"\$(\d+)")
#: a plan that gives rows as it goes, rather than one that gathers them first, in the memory of the database
AS_A_STREAM = "SET LOCAL cursor_tuple_fraction = 0.001; SET LOCAL work_mem = '4MB'"
#: rows fetched at once from the cursor of an unlimited list
PIECE = 500
#: the count of a list that takes too long to count
UNCOUNTED = -1


class Listing(Generic[R]):
    """A question whose answer is a list.

    `counted` is the part of `source` that the conditions are about, where that is not all of it; each of its rows is
    one of the list. Without `in_parts` the matches are counted all at once.
    """

    #: whether a page of it may ask much of the database
    is_dear = False

    def __init__(
        self,
        columns: Shape[R],
        source: str,
        where: Where,
        order: str,
        *,
        counted: str = "",
        in_parts: bool = True,
    ) -> None:
        self.columns = columns
        self.source = source
        self.where = where
        self.order = order
        self._counted = counted or source
        self._in_parts = in_parts

    async def page(self, db: Connection, page: Page) -> list[R]:
        query, parameters = self._select(page)
        return [self.columns.read(row) for row in await db.fetch(query, *parameters)]

    async def pieces(self, db: Connection, page: Page) -> AsyncGenerator[list[R], None]:
        """The rows in pieces; `db` is in a transaction for as long as this lasts."""
        query, parameters = self._select(page)
        await db.execute(AS_A_STREAM)
        cursor = await db.cursor(query, *parameters)
        while rows := await cursor.fetch(PIECE):
            yield [self.columns.read(row) for row in rows]

    async def count(self, db: Connection, budget: int) -> int:
        """The number of all matches; `UNCOUNTED` when it takes longer than `budget` milliseconds.

        `db` is not in a transaction, because running out of time would break it.
        """
        query, parameters = self._counting()
        try:
            found: int = await db.fetchval(query, *parameters, timeout=budget / 1000)
        except (TimeoutError, asyncpg.QueryCanceledError):
            return UNCOUNTED
        return found

    def _counting(self) -> tuple[str, list[Any]]:
        query = f"SELECT {self.where.count(self._counted, in_parts=self._in_parts)}"
        return only_used(query, self.where.parameters)

    def _select(self, page: Page) -> tuple[str, list[Any]]:
        query = f"SELECT {self.columns.sql} FROM {self.source} WHERE {self.where.sql} {self.order} "
        return only_used(query + page.clause(), self.where.parameters)


def only_used(query: str, parameters: list[Any]) -> tuple[str, list[Any]]:
    """The query with only those parameters that it uses, as PostgreSQL wants it: a count leaves those of the columns out."""
    used = sorted({int(number) for number in PLACEHOLDER.findall(query)})
    places = {number: place for place, number in enumerate(used, 1)}
    renumbered = PLACEHOLDER.sub(lambda match: f"${places[int(match[1])]}", query)
    return renumbered, [parameters[number - 1] for number in used]
