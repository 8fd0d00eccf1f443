"""The list that answers a sample search: first the ids, in order; then what is known of those on the page."""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, NamedTuple

from samplebank.accounts.access import see_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import TRUE, Columns, Connection, Page, Shape, Sql, all_of
from samplebank.database.counting import Count, count_rows
from samplebank.database.listing import PIECE, OrderedListing
from samplebank.database.ordering import Order
from samplebank.database.query import Place
from samplebank.search.keywords import Keyword, find_common
from samplebank.search.listing import (
    DEEPEST,
    MOST_GATHERED,
    PATIENCE,
    SERIAL,
    Gathering,
    Way,
    plan_for_values,
    planned,
    rows_within,
)
from samplebank.search.overview import Overview, Overviews
from samplebank.search.sets import Members, Slice
from samplebank.search.widths import LITTLE, Widths, estimate
from samplebank.search.window import IndexWindow

#: the fewest of the newest samples that are looked at, and how many times as many as an estimate says
SHALLOWEST, SPARE = 500, 2
#: how many more of the newest ids are looked at than the page needs, because ids are only nearly in the order of time
MORE = 400


class Id(NamedTuple):
    id: int


#: what is selected first; the rest is read for the samples of the page only
IDS: Shape[Any] = Columns.of(Id, "s")


class Ask(NamedTuple):
    """What a list of samples `s` is asked for: the condition, and the order."""

    where: Sql
    order: Order


class ByDigest(NamedTuple):
    """The samples with some digests. These are few in any case, so that no plan for the values is needed."""

    ask: Ask

    async def find(self, db: Connection, page: Page) -> Sequence[int] | None:
        return [row[0] for row in await self.ask.order.ids(self.ask.where, page).rows(db)]


class InOrder(NamedTuple):
    """All samples in the order that is asked for, until the page is full. Given up after so many `milliseconds`."""

    ask: Ask
    milliseconds: int | None = None

    async def find(self, db: Connection, page: Page) -> Sequence[int] | None:
        rows = await rows_within(db, self.ask.order.ids(self.ask.where, page), self.milliseconds)
        return None if rows is None else [row[0] for row in rows]


class Much(NamedTuple):
    """A search for much: samples in the order that is asked for, with a look at the rows of each, until the page is full.

    The newest few thousand samples fill most pages that begin with the newest. `walked` is the condition on samples that are
    gone through, in a slice or one by one. Given up after so many `milliseconds`, and for a search for little.
    """

    ask: Ask
    sets: list[list[Members]]
    walked: Callable[[Slice | None, Widths], Sql]
    window: IndexWindow
    gathering: Gathering
    is_newest_first: bool
    milliseconds: int | None = PATIENCE
    little: float = LITTLE

    async def find(self, db: Connection, page: Page) -> Sequence[int] | None:
        widths = await estimate(db, self.sets)
        if widths is None:
            return None if self.milliseconds else await InOrder(self.ask).find(db, page)
        if widths.matches <= self.little and not self.gathering.is_much:
            self.gathering.narrowest = widths.narrowest
            return None
        found = await self._among_the_newest(db, page, widths) if self.is_newest_first else None
        if found is None:
            walk = Ask(self.walked(None, widths), self.ask.order)
            found = await InOrder(walk, self.milliseconds).find(db, page)
        if found is not None and self.gathering.count is None:
            self.gathering.count = Count(page.offset + len(found), is_exact=False)
        return found

    async def _among_the_newest(self, db: Connection, page: Page, widths: Widths) -> Sequence[int] | None:
        deep = int(SPARE * (page.offset + page.limit) / widths.density) if widths.density else DEEPEST
        if deep >= DEEPEST or page.after is not None:
            return None
        async with planned(db, *SERIAL):
            part = await self._newest(db, max(deep, SHALLOWEST))
            if part is None:
                return None
            rows = await self.ask.order.ids(self.walked(part, widths), page).rows(db)
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
    """Where all that is found comes from, as `m.id`.

    `find` is given words that are too common to look for, and the place of the list of sets to begin with.
    """

    find: Callable[[frozenset[str], int], Sql]
    keywords: list[Keyword]


class Gathered(NamedTuple):
    """All samples of which rows match, gathered with their number. Looked for from the rows, not from the samples.

    Given up for a search for much.
    """

    ask: Ask
    everything: Everything
    gathering: Gathering
    is_newest_first: bool

    async def find(self, db: Connection, page: Page) -> Sequence[int] | None:
        if self.gathering.is_much:
            return None
        common = await find_common(db, self.everything.keywords)
        found = _gathering(self.everything.find(common, self.gathering.narrowest))
        write = self._newest_first if self.is_newest_first and page.after is None else self._sorted
        rows = await rows_within(db, write(found, page), None)
        if rows is None:
            return None
        number, is_all, ids = rows[0]
        self.gathering.note(number, is_all=is_all)
        return ids if is_all else None

    def _sorted(self, gathered: Sql, page: Page) -> Sql:
        """A query for the number of all that is found, whether that is all, and the ids on the page."""
        # an array, of which the planner expects few: the samples are found by their ids, and sorted
        among = Sql("s.id = ANY ((SELECT ids FROM found WHERE is_all)::bigint[])")
        return Sql(
            """
            WITH found AS MATERIALIZED ({})
            SELECT (SELECT n FROM found), (SELECT is_all FROM found), ARRAY({})
            """,
            gathered,
            self.ask.order.ids(among, page),
        )

    def _newest_first(self, gathered: Sql, page: Page) -> Sql:
        """As `_sorted`. Reads the times of the greatest ids only, and of those lesser ones that are as new all the same."""
        end = page.offset + page.limit
        return Sql(NEWEST_FIRST, found=gathered, most=end + MORE, end=end, page=Sql(page.clause()))


NEWEST_FIRST = """
    WITH found AS MATERIALIZED ({found}),
    greatest AS MATERIALIZED (SELECT unnest(ids[n - {most} + 1:]) AS id FROM found WHERE is_all),
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
    SELECT (SELECT n FROM found), (SELECT is_all FROM found), ARRAY(
        SELECT id FROM (SELECT * FROM newest UNION ALL SELECT * FROM found_as_new) s
         ORDER BY created_time DESC, id DESC {page})
"""


class SampleListing(OrderedListing[Overview]):
    """Samples that match, found by the first of `ways` that finds the page.

    `matches` is a query with one row for each. `number` is an expression for their number, where a tally knows the number.
    """

    is_dear = True

    def __init__(
        self,
        caller: Caller,
        ask: Ask,
        ways: Sequence[Way[int]],
        matches: Sql,
        gathering: Gathering,
        *,
        number: Sql | None = None,
    ) -> None:
        super().__init__(IDS, ask.order.source, ask.where, ask.order)
        self.gathering = gathering
        self._caller = caller
        self.ways = ways
        self._matches = matches
        self._number = number
        self._is_plain = see_samples(caller, "s", Permission.VIEW_SAMPLES) is TRUE

    async def page(self, db: Connection, page: Page) -> list[Overview]:
        if self._is_plain and self._number is not None:
            return await self._at_once(db, page, self._number)
        for way in self.ways:
            ids = await way.find(db, page)
            if ids is not None:
                return await self._overviews(db, ids) if ids else []
        return []

    async def pieces(self, db: Connection, page: Page) -> AsyncGenerator[list[Overview], None]:
        query, values = self._selected(page).render()
        await plan_for_values(db, *SERIAL)
        cursor = await db.cursor(query, *values)
        while rows := await cursor.fetch(PIECE):
            yield await self._overviews(db, [row[0] for row in rows])

    async def count(self, db: Connection, budget: float) -> Count:
        if self._number is not None and self.gathering.count is None:
            number = await Sql("SELECT {}", self._number).value(db)
            if number is not None:
                return Count(number)
        return self.gathering.count or await count_rows(db, self._matches, budget)

    async def _at_once(self, db: Connection, page: Page, number: Sql) -> list[Overview]:
        """The page and the number of a list without criteria, by one statement: any values have the same plan."""
        shown = Overviews(self._caller)
        query = Sql(
            """
            SELECT {}, {} FROM {} JOIN unnest(ARRAY({})) WITH ORDINALITY page(id, place) ON page.id = s.id
             ORDER BY page.place
            """,
            number,
            shown.selected,
            shown.source,
            self.by.ids(self.where, page),
        )
        rows = await query.rows(db)
        if rows:
            self.gathering.count = Count(rows[0][0])
        return [shown.read(row[1:]) for row in rows]

    async def place_of(self, db: Connection, row: Overview) -> Place:
        columns = ", ".join(key.sql for key, _ in self.by.sorted_by)
        *keys, id_ = await Sql(
            f"SELECT {columns} FROM {{}} WHERE s.sha256 = {{}}", self.source, row.sha256
        ).row(db)
        return Place(tuple(keys), id_)

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


def _gathering(found: Sql) -> Sql:
    """All ids in one array, in ascending order, with their number, and whether that is all.

    The rows come nearly in this order, so that sorting takes a third less time in all than a hash table for DISTINCT.
    """
    return Sql(
        f"""
        SELECT ids, coalesce(cardinality(ids), 0)::bigint AS n, rows < {MOST_GATHERED} AS is_all
          FROM (SELECT array_agg(DISTINCT id) AS ids, count(*) AS rows
                  FROM (SELECT m.id {{}} LIMIT {MOST_GATHERED}) part) gathered
        """,
        found,
    )
