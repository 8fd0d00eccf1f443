"""The list that answers a sample search: first the ids, in order; then what is known of those on the page.

There are several ways to the ids of a page. A list tries its ways in their order, until one of them finds the page.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, NamedTuple, Protocol

from samplebank.accounts.access import see_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import TRUE, Columns, Connection, Page, Shape, Sql, all_of
from samplebank.database.listing import PIECE
from samplebank.search.keywords import Keyword, find_common
from samplebank.search.listing import SERIAL, Gathering, SearchListing, depth, plan_for_values, planned
from samplebank.search.overview import Overview, Overviews
from samplebank.search.sets import Slice
from samplebank.search.window import IndexWindow

#: how many more of the newest ids are looked at than the page needs, because ids are only nearly in the order of time
MORE = 400


class Id(NamedTuple):
    id: int


#: what is selected first; the rest is read for the samples of the page only
IDS: Shape[Any] = Columns.of(Id, "s")


class Ask(NamedTuple):
    """What a list of samples `s` is asked for."""

    source: Sql
    where: Sql
    order: str

    def ids(self, page: Page) -> Sql:
        return Sql(f"SELECT s.id FROM {{}} WHERE {{}} {self.order} {page.clause()}", self.source, self.where)


class Way(Protocol):
    """A way to the ids of the samples on a page."""

    async def ids(self, db: Connection, page: Page) -> list[int] | None:
        """The ids in order; None where this way does not find the page."""


class ByDigest(NamedTuple):
    """The samples with some digests. These are few in any case, so that no plan for the values is needed."""

    ask: Ask

    async def ids(self, db: Connection, page: Page) -> list[int] | None:
        return [row[0] for row in await self.ask.ids(page).rows(db)]


class InOrder(NamedTuple):
    """All samples in the order that is asked for, until the page is full."""

    ask: Ask

    async def ids(self, db: Connection, page: Page) -> list[int] | None:
        async with planned(db, *SERIAL):
            return [row[0] for row in await self.ask.ids(page).rows(db)]


class AmongTheNewest(NamedTuple):
    """The newest few thousand samples, which fill most pages that begin with the newest.

    `within` is the condition, limited to a slice of the samples.
    """

    ask: Ask
    within: Callable[[Slice], Sql]
    window: IndexWindow

    async def ids(self, db: Connection, page: Page) -> list[int] | None:
        newest = depth(page)
        if newest is None:
            return None
        async with planned(db, *SERIAL):
            part = await self._newest(db, newest)
            if part is None:
                return None
            rows = await self.ask._replace(where=self.within(part)).ids(page).rows(db)
        return [row[0] for row in rows] if len(rows) == page.limit else None

    async def _newest(self, db: Connection, newest: int) -> Slice | None:
        end = self.window.end
        query = Sql(
            """
            SELECT min(id), min(created_time)
              FROM (SELECT id, created_time FROM sample WHERE {}
                     ORDER BY created_time DESC, id DESC LIMIT {}) newest
            """,
            TRUE if end is None else Sql("created_time <= {}", end),
            newest,
        )
        row = await query.row(db)
        return None if row is None or row[0] is None else Slice(*row)


class Everything(NamedTuple):
    """Where all that is found comes from, as `m.id`. `find` is given words that are too common to look for."""

    find: Callable[[frozenset[str]], Sql]
    keywords: list[Keyword]


class Gathered(NamedTuple):
    """All samples of which the rows match, gathered with their number. Looked for from the rows, not from the samples."""

    ask: Ask
    everything: Everything
    is_newest_first: bool
    gathering: Gathering

    async def ids(self, db: Connection, page: Page) -> list[int] | None:
        found = self.everything.find(await find_common(db, self.everything.keywords))
        write = self._newest_first if self.is_newest_first else self._sorted
        rows = await self.gathering.rows(db, write(_gathering(found), page))
        return None if rows is None else list(rows[0][1])

    def _sorted(self, gathered: Sql, page: Page) -> Sql:
        """A query for the number of all that is found, and for the ids on the page."""
        return Sql(
            f"""
            WITH found AS MATERIALIZED ({{}})
            SELECT (SELECT n FROM found),
                   ARRAY(SELECT s.id FROM {{}} WHERE s.id IN (SELECT unnest(ids) FROM found) {self.ask.order}
                         {page.clause()})
            """,
            gathered,
            self.ask.source,
        )

    def _newest_first(self, gathered: Sql, page: Page) -> Sql:
        """As `_sorted`. Reads the times of the greatest ids only, and of those lesser ones that are as new all the same."""
        end = page.offset + page.limit
        return Sql(NEWEST_FIRST, found=gathered, most=end + MORE, end=end, page=Sql(page.clause()))


NEWEST_FIRST = """
    WITH found AS MATERIALIZED ({found}),
    greatest AS MATERIALIZED (SELECT unnest(ids[n - {most} + 1:]) AS id FROM found),
    newest AS MATERIALIZED (
        SELECT s.id, s.created_time FROM greatest JOIN sample s USING (id)
         ORDER BY s.created_time DESC, s.id DESC LIMIT {end}
    ),
    as_new AS MATERIALIZED (
        SELECT s.id, s.created_time FROM sample s
         WHERE (SELECT n FROM found) > {most} AND s.id < (SELECT min(id) FROM greatest)
           AND s.created_time >= (SELECT min(created_time) FROM newest)
    ),
    found_as_new AS (SELECT a.* FROM as_new a JOIN (SELECT unnest(ids) AS id FROM found) f USING (id))
    SELECT (SELECT n FROM found), ARRAY(
        SELECT id FROM (SELECT * FROM newest UNION ALL SELECT * FROM found_as_new) s
         ORDER BY created_time DESC, id DESC {page})
"""


class SampleListing(SearchListing[Overview]):
    """Samples that match, found by the first of `ways` that finds the page. `number` tells how many match."""

    def __init__(
        self, caller: Caller, ask: Ask, ways: Sequence[Way], *, number: Sql, gathering: Gathering
    ) -> None:
        super().__init__(IDS, ask.source, ask.where, ask.order, number=number)
        self.gathering = gathering
        self._caller = caller
        self._ways = ways

    async def page(self, db: Connection, page: Page) -> list[Overview]:
        for way in self._ways:
            ids = await way.ids(db, page)
            if ids is not None:
                return await self._overviews(db, ids) if ids else []
        return []

    async def pieces(self, db: Connection, page: Page) -> AsyncGenerator[list[Overview], None]:
        query, values = self._selected(page).render()
        await plan_for_values(db, *SERIAL)
        cursor = await db.cursor(query, *values)
        while rows := await cursor.fetch(PIECE):
            yield await self._overviews(db, [row[0] for row in rows])

    async def _overviews(self, db: Connection, ids: Sequence[int]) -> list[Overview]:
        where = all_of(
            [
                # A subquery hides how many ids there are: so the plan for any number is kept, which is as good.
                Sql("s.id = ANY ((SELECT {}::bigint[])::bigint[])", list(ids)),
                see_samples(self._caller, "s", Permission.VIEW_SAMPLES),
            ]
        )
        shown = Overviews(self._caller)
        query = Sql("SELECT s.id, {} FROM {} WHERE {}", shown.selected, shown.source, where)
        found = {row[0]: shown.read(row[1:]) for row in await query.rows(db)}
        return [found[id_] for id_ in ids if id_ in found]


def number_gathered(everything: Everything) -> Sql:
    """The number of all that is found."""
    return Sql("(SELECT count(DISTINCT m.id) {})", everything.find(frozenset()))


def _gathering(found: Sql) -> Sql:
    """All ids in one array, in ascending order, and their number.

    The rows come nearly in this order, so that sorting takes a third less time in all than a hash table for DISTINCT.
    """
    return Sql(
        """
        SELECT ids, coalesce(cardinality(ids), 0)::bigint AS n
          FROM (SELECT array_agg(DISTINCT m.id) AS ids {}) gathered
        """,
        found,
    )
