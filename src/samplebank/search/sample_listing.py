"""The list that answers a sample search: first the ids, in order; then what is known of those on the page."""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, NamedTuple

from samplebank.accounts.access import see_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Columns, Connection, Page, Shape, Where
from samplebank.database.listing import PIECE, only_used
from samplebank.search.keywords import Keyword, find_common
from samplebank.search.listing import SERIAL, SearchListing, depth, plan_for_values, planned
from samplebank.search.overview import Overview, Overviews
from samplebank.search.sets import Slice
from samplebank.search.window import IndexWindow

Condition = Callable[[Where, Slice | None], object]
#: how many more of the newest ids are looked at than the page needs, because ids are only nearly in the order of time
MORE = 400


class Id(NamedTuple):
    id: int


#: what is selected first; the rest is read for the samples of the page only
IDS: Shape[Any] = Columns.of(Id, "s")


class Everything(NamedTuple):
    """Writes where all that is found comes from, as `m.id`, with what is known of its keywords."""

    write: Callable[[Where, frozenset[str]], str]
    keywords: list[Keyword]


class SampleListing(SearchListing[Overview]):
    """`newest` writes the WHERE for a slice of the samples, `everything` where all that is found comes from.

    Each is None where it does not help. What is asked for `by_digest` needs no plan for its values.
    """

    def __init__(
        self,
        caller: Caller,
        source: str,
        where: Where,
        order: str,
        window: IndexWindow,
        *,
        newest: Condition | None,
        everything: Everything | None,
        by_digest: bool,
        in_parts: bool,
    ) -> None:
        super().__init__(IDS, source, where, order, counted="sample s", in_parts=in_parts)
        self._caller = caller
        self._window = window
        self._condition = newest
        self._everything = everything
        self._by_digest = by_digest

    async def page(self, db: Connection, page: Page) -> list[Overview]:
        if self._by_digest:
            query, parameters = self._select(page)
            ids = [row[0] for row in await db.fetch(query, *parameters)]
        else:
            gathered = await self._gathered(db, page)
            ids = await self._ids(db, page) if gathered is None else gathered
        return await self._overviews(db, ids) if ids else []

    async def pieces(self, db: Connection, page: Page) -> AsyncGenerator[list[Overview], None]:
        query, parameters = self._select(page)
        await plan_for_values(db, *SERIAL)
        cursor = await db.cursor(query, *parameters)
        while rows := await cursor.fetch(PIECE):
            yield await self._overviews(db, [row[0] for row in rows])

    def _counting(self) -> tuple[str, list[Any]]:
        if self._everything is None:
            return super()._counting()
        where = Where()
        found = self._everything.write(where, frozenset())
        return only_used(f"SELECT count(DISTINCT m.id) {found}", where.parameters)

    async def _gathered(self, db: Connection, page: Page) -> list[int] | None:
        """The ids on the page, of all that is found, which is counted along; None where that takes too long."""
        if self._everything is None:
            return None
        # with the parameters of the source, which is written already
        where = self.where.copy()
        common = await find_common(db, self._everything.keywords)
        found = self._everything.write(where, common)
        rows = await self._gather(db, self._counted_page(where, found, page), where)
        return None if rows is None else list(rows[0][1])

    def _counted_page(self, where: Where, found: str, page: Page) -> str:
        """A query for the number of all that is found, and for the ids on the page."""
        if self._condition is not None:
            return _newest_first(where, found, page)
        return f"""
            WITH found AS MATERIALIZED ({_gathering(found)})
            SELECT (SELECT n FROM found),
                   ARRAY(SELECT s.id FROM {self.source} WHERE s.id IN (SELECT unnest(ids) FROM found) {self.order}
                         {page.clause()})
        """

    async def _ids(self, db: Connection, page: Page) -> list[int]:
        async with planned(db, *SERIAL):
            newest = depth(page)
            if self._condition is not None and newest is not None:
                part = await self._newest(db, newest)
                if part is not None:
                    ids = await self._ids_within(db, page, part)
                    if len(ids) == page.limit:
                        return ids
            query, parameters = self._select(page)
            return [row[0] for row in await db.fetch(query, *parameters)]

    async def _ids_within(self, db: Connection, page: Page, part: Slice) -> list[int]:
        assert self._condition is not None  # noqa: S101 for the type checker: the caller has looked
        where = Where()
        self._condition(where, part)
        query = f"SELECT s.id FROM {self.source} WHERE {where.sql} {self.order} {page.clause()}"
        query, parameters = only_used(query, where.parameters)
        return [row[0] for row in await db.fetch(query, *parameters)]

    async def _newest(self, db: Connection, newest: int) -> Slice | None:
        where = Where()
        if self._window.end is not None:
            where.add("created_time <= {}", self._window.end)
        query = f"""
            SELECT min(id), min(created_time)
              FROM (SELECT id, created_time FROM sample WHERE {where.sql}
                     ORDER BY created_time DESC, id DESC LIMIT {where.value(newest)}) newest
        """
        row = await db.fetchrow(query, *where.parameters)
        return None if row is None or row[0] is None else Slice(*row)

    async def _overviews(self, db: Connection, ids: Sequence[int]) -> list[Overview]:
        where = Where()
        # A subquery hides how many ids there are: so the plan for any number is kept, which is as good.
        where.add("s.id = ANY ((SELECT {}::bigint[])::bigint[])", list(ids))
        see_samples(where, self._caller, "s", Permission.VIEW_SAMPLES)
        shown = Overviews(where, self._caller)
        query = f"SELECT s.id, {shown.sql} FROM {shown.source} WHERE {where.sql}"
        found = {row[0]: shown.read(row[1:]) for row in await db.fetch(query, *where.parameters)}
        return [found[id_] for id_ in ids if id_ in found]


def _newest_first(where: Where, found: str, page: Page) -> str:
    """The number of all that is found, and the ids on the page, newest first.

    Reads the times of the greatest ids only, and of those lesser ones that are as new all the same.
    """
    end = page.offset + page.limit
    most = where.value(end + MORE)
    return f"""
        WITH found AS MATERIALIZED ({_gathering(found)}),
        greatest AS MATERIALIZED (SELECT unnest(ids[n - {most} + 1:]) AS id FROM found),
        newest AS MATERIALIZED (
            SELECT s.id, s.created_time FROM greatest JOIN sample s USING (id)
             ORDER BY s.created_time DESC, s.id DESC LIMIT {where.value(end)}
        ),
        as_new AS MATERIALIZED (
            SELECT s.id, s.created_time FROM sample s
             WHERE (SELECT n FROM found) > {most} AND s.id < (SELECT min(id) FROM greatest)
               AND s.created_time >= (SELECT min(created_time) FROM newest)
        ),
        found_as_new AS (SELECT a.* FROM as_new a JOIN (SELECT unnest(ids) AS id FROM found) f USING (id))
        SELECT (SELECT n FROM found), ARRAY(
            SELECT id FROM (SELECT * FROM newest UNION ALL SELECT * FROM found_as_new) s
             ORDER BY created_time DESC, id DESC {page.clause()})
    """


def _gathering(found: str) -> str:
    """All ids in one array, in ascending order, and their number.

    The rows come nearly in this order, so that sorting takes a third less time in all than a hash table for DISTINCT.
    """
    return f"""
        SELECT ids, coalesce(cardinality(ids), 0)::bigint AS n
          FROM (SELECT array_agg(DISTINCT m.id) AS ids {found}) gathered
    """
