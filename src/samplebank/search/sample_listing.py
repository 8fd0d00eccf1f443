"""The list of a sample search: first the ids, in order; then the overviews of the samples on the page."""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, NamedTuple

from samplebank.accounts.access import see_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Columns, Connection, Page, Shape, Sql
from samplebank.database.counting import Count, count_rows, tallied
from samplebank.database.listing import PIECE, OrderedListing
from samplebank.database.planning import of_one_moment
from samplebank.database.query import Place
from samplebank.search.listing import Gathering, Way, cursor_over_sets, rows_of_sets
from samplebank.search.overview import Overview, Overviews, SeenOverviews
from samplebank.search.sample_ways import Ask


class Id(NamedTuple):
    id: int


#: what is selected first; the rest is read for the samples of the page only
IDS: Shape[Any] = Columns.of(Id, "s")
NOT_TOLD = Sql("NULL::bigint")


def no_query(_page: Page) -> None:
    """There is no query for a page whose one plan is good for any values."""


class Number(NamedTuple):
    """An expression for the number of matches; NULL where the expression does not know the number.

    `is_told`: a tally tells the number. Other expressions count for a while. `has_one_plan`: one plan is good for any values.
    """

    sql: Sql
    is_told: bool = False
    has_one_plan: bool = False

    async def find(self, db: Connection, budget: float) -> Count | None:
        """The number; None where not known, or not within `budget` milliseconds of counting."""
        limit = None if self.is_told else budget
        return await tallied(db, self.sql, limit, has_one_plan=self.has_one_plan)


class SampleListing(OrderedListing[Overview]):
    """Matching samples, found by the first of `ways` that finds the page.

    `matches` writes a query with one row for each match. The first of `numbers` that knows the number of matches tells the number.
    `first` writes a query for the ids on a page, where one plan is good for any values: page and number are found by one
    statement. Where there is no such query, or the page is not full and the list is not quick, the ways are tried.
    """

    def __init__(
        self,
        caller: Caller,
        ask: Ask,
        ways: Sequence[Way[int]],
        matches: Callable[[], Sql],
        gathering: Gathering,
        *,
        numbers: Sequence[Number] = (),
        first: Callable[[Page], Sql | None] = no_query,
        is_quick: bool = False,
    ) -> None:
        super().__init__(IDS, ask.order.source, ask.where, ask.order)
        self.gathering = gathering
        self._caller = caller
        self.ways = ways
        self._matches = matches
        self._numbers = numbers
        self._first = first
        self.is_quick = is_quick
        self.is_dear = not numbers
        self._shown = Overviews(caller)
        #: the id of the last sample that was read
        self._last = 0

    @property
    def known_count(self) -> Count | None:
        return self.gathering.count

    def with_newest(self) -> None:
        """Read each sample with the newest submission: rows are of `SeenOverview` from now on."""
        self._shown = SeenOverviews(self._caller)

    def among(self, page: Page) -> Sql | None:
        """The samples `s` of a page, as a condition. None where the best way to the page depends on the values of the search."""
        ids = self._first(page) if self.is_quick else None
        return None if ids is None else Sql("s.id = ANY (ARRAY({}))", ids)

    async def page(self, db: Connection, page: Page) -> list[Overview]:
        first = self._first(page)
        if first is not None:
            found = await self._read(db, first, self._told)
            if self.is_quick or len(found) == page.limit:
                return found
        # a sample that is deleted between the statements would make the page shorter, which looks like the last page
        async with of_one_moment(db):
            ids = await self.ids(db, page)
            return await self._read(db, _listed(ids), self._told) if ids else []

    async def ids(self, db: Connection, page: Page) -> list[int]:
        """Find the ids of the samples on a page, in order."""
        return list(await _found(self.ways, db, page) or [])

    async def pieces(self, db: Connection, page: Page) -> AsyncGenerator[list[Overview], None]:
        cursor = await cursor_over_sets(db, self._selected(page))
        while rows := await cursor.fetch(PIECE):
            yield await self._read(db, _listed([row[0] for row in rows]))

    async def count(self, db: Connection, budget: float) -> Count:
        if self.gathering.count is not None:
            return self.gathering.count
        for number in self._numbers:
            known = await number.find(db, budget)
            if known is not None:
                return known
        return await count_rows(db, self.gathering.matches or self._matches(), budget)

    async def stored_ids(self, db: Connection, most: int) -> list[int]:
        """The ids of all matches not deleted, newest first; any `most` of the ids where there are more."""
        query = Sql(
            """
            SELECT array_agg(id ORDER BY created_time DESC, id DESC)
              FROM (SELECT s.id, s.created_time FROM {} WHERE s.deleted_time IS NULL AND {} LIMIT {}) found
            """,
            self.source,
            self.where,
            most,
        )
        ((found,),) = await rows_of_sets(db, query)
        return found or []

    async def page_with_place(self, db: Connection, page: Page) -> tuple[list[Overview], Place | None]:
        fields = [key.field for key, _ in self.by.sorted_by[:-1]]
        if all(fields):
            rows = await self.page(db, page)
            return rows, self._place(rows[-1], fields) if len(rows) == page.limit else None
        # a key that changes between the statements would move the place: later pages would pass samples over, or repeat samples
        async with of_one_moment(db):
            rows = await self.page(db, page)
            return rows, await self._looked_up(db, rows[-1]) if len(rows) == page.limit else None

    def _place(self, row: Overview, fields: Sequence[str]) -> Place:
        return Place(tuple(getattr(row, field) for field in fields), self._last)

    async def _looked_up(self, db: Connection, row: Overview) -> Place:
        """The place of a row by keys that the row does not have."""
        columns = ", ".join(key.sql for key, _ in self.by.sorted_by)
        *keys, id_ = await Sql(
            f"SELECT {columns} FROM {{}} WHERE s.sha256 = {{}}", self.source, row.sha256
        ).row(db)
        return Place(tuple(keys), id_)

    @property
    def _told(self) -> Sql:
        """The number of matches where a tally tells, to come along with the page."""
        return self._numbers[0].sql if self._numbers and self._numbers[0].is_told else NOT_TOLD

    async def _read(self, db: Connection, ids: Sql, number: Sql = NOT_TOLD) -> list[Overview]:
        """The samples whose ids the query finds, in the order of the ids, and the number, by one statement.

        Any values have the same plan. Keeps the last id, for the place of the last sample.
        """
        shown = self._shown
        query = Sql(
            """
            SELECT {}, s.id, {} FROM {} JOIN unnest(ARRAY({})) WITH ORDINALITY page(id, place) ON page.id = s.id
             WHERE {} ORDER BY page.place
            """,
            number,
            shown.selected,
            shown.source,
            ids,
            see_samples(self._caller, "s", Permission.VIEW_SAMPLES),
        )
        rows = await query.rows(db)
        if not rows:
            return []
        if rows[0][0] is not None:
            self.gathering.count = Count(rows[0][0])
        found = [shown.read(row[2:]) for row in rows]
        self._last = rows[-1][1]
        return found


def _listed(ids: Sequence[int]) -> Sql:
    return Sql("SELECT unnest({}::bigint[])", list(ids))


async def _found(ways: Sequence[Way[int]], db: Connection, page: Page) -> Sequence[int] | None:
    """The ids on a page by the first of the ways that finds the page; None where no way does."""
    for way in ways:
        ids = await way.find(db, page)
        if ids is not None:
            return ids
    return None
