"""Lists: one page at a time, or all of it in pieces through a cursor, with the number of all matches."""

from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

from samplebank.database.columns import Shape
from samplebank.database.connection import Connection
from samplebank.database.counting import Count, count_few, count_rows
from samplebank.database.ordering import Order
from samplebank.database.query import Page, Place
from samplebank.database.sql import Sql

R = TypeVar("R")
#: a plan that gives each found row at once, rather than a plan that gathers all rows in memory first
AS_A_STREAM = "SET LOCAL cursor_tuple_fraction = 0.001; SET LOCAL work_mem = '4MB'"
#: rows fetched at once from the cursor of an unlimited list
PIECE = 500


class Listing(Generic[R]):
    """A question whose answer is a list: rows of one sample or of one job, which are few as a rule.

    `counted` is the part of `source` that the conditions are about, where that is not all of `source`.
    """

    #: whether a page may ask much of the database
    is_dear = False
    #: whether a page takes so little that nobody needs to watch for leaving clients
    is_quick = False
    #: the number of all matches, where the page has come with the number
    _count: Count | None = None

    def __init__(
        self,
        columns: Shape[R],
        source: str | Sql,
        where: Sql,
        order: str | Order,
        *,
        counted: str | Sql | None = None,
    ) -> None:
        self.columns = columns
        self.source = _as_sql(source)
        self.where = where
        self._order = order
        self.counted = self.source if counted is None else _as_sql(counted)

    @property
    def order(self) -> str:
        """ORDER BY of the list."""
        return self._order if isinstance(self._order, str) else self._order.sql

    @property
    def known_count(self) -> Count | None:
        """The number of all matches, where the page that was found last has come with the number."""
        return self._count

    async def page(self, db: Connection, page: Page) -> list[R]:
        return list(map(self.columns.read, await self._selected(page).rows(db)))

    async def pieces(self, db: Connection, page: Page) -> AsyncGenerator[list[R], None]:
        """The rows in pieces; `db` is in a transaction for as long as this lasts."""
        query, values = self._selected(page).render()
        await db.execute(AS_A_STREAM)
        cursor = await db.cursor(query, *values)
        while rows := await cursor.fetch(PIECE):
            yield list(map(self.columns.read, rows))

    async def count(self, db: Connection, budget: float) -> Count:
        """The number of all matches; many are counted for `budget` milliseconds only. `db` is not in a transaction."""
        return await count_few(db, self._counted_rows, budget)

    @property
    def _counted_rows(self) -> Sql:
        """A query with one row for each match."""
        return Sql("SELECT FROM {} WHERE {}", self.counted, self.where)

    def _selected(self, page: Page) -> Sql:
        return Sql(
            f"SELECT {{}} FROM {{}} WHERE {{}} {self.order} {page.clause()}",
            self.columns.selected,
            self.source,
            self.where,
        )


class OrderedListing(Listing[R]):
    """A list of any length, whose page an index finds, in the order of the list and from any place in the order."""

    def __init__(
        self,
        columns: Shape[R],
        source: str | Sql,
        where: Sql,
        order: Order,
        *,
        counted: str | Sql | None = None,
    ) -> None:
        super().__init__(columns, source, where, order, counted=counted or order.source)
        self.by = order

    def show_as(self, columns: Shape[R]) -> None:
        """Read rows as `columns` has them: with more than the list was made with."""
        self.columns = columns

    async def page(self, db: Connection, page: Page) -> list[R]:
        query = self.by.rows(self.columns.selected, self.source, self.where, page)
        return list(map(self.columns.read, await query.rows(db)))

    async def count(self, db: Connection, budget: float) -> Count:
        return await count_rows(db, self._counted_rows, budget)

    async def page_with_place(self, db: Connection, page: Page) -> tuple[list[R], Place | None]:
        """The rows of a page, and where the last row stands in the order of the list; None for a page that is not full."""
        rows = await self.page(db, page)
        return rows, self.by.place_of(rows[-1]) if len(rows) == page.limit else None


class TalliedListing(OrderedListing[R]):
    """A list whose number a tally tells. `number` is an expression for the number, which comes along with each page."""

    is_quick = True

    def __init__(self, columns: Shape[R], source: str | Sql, where: Sql, order: Order, number: Sql) -> None:
        super().__init__(columns, source, where, order)
        self.number = number

    async def page(self, db: Connection, page: Page) -> list[R]:
        rows = await self.numbered(page).rows(db)
        if rows:
            self._count = Count(rows[0][0])
        read = self.columns.read
        return [read(row[1:]) for row in rows]

    async def count(self, db: Connection, _budget: float) -> Count:
        return self._count or Count(await Sql("SELECT {}", self.number).value(db))

    def numbered(self, page: Page) -> Sql:
        """A query for the rows on a page, each behind the number."""
        return self.by.rows(Sql("{}, {}", self.number, self.columns.selected), self.source, self.where, page)


def _as_sql(source: str | Sql) -> Sql:
    return source if isinstance(source, Sql) else Sql(source)
