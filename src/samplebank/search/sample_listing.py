"""The list that answers a sample search: first the ids, in order; then what is known of those on the page."""

from collections.abc import AsyncIterator, Callable, Sequence

from samplebank.accounts.access import Caller, see_samples
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Page, Where
from samplebank.database.listing import PIECE
from samplebank.search.listing import SERIAL, SearchListing, depth, plan_for_values, planned
from samplebank.search.sets import Slice
from samplebank.search.window import IndexWindow
from samplebank.verdicts import overview
from samplebank.verdicts.overview import Overview

Condition = Callable[[Where, Slice | None], object]


class SampleListing(SearchListing[Overview]):
    """`condition` writes the WHERE for a slice of the samples; None when slices do not help."""

    def __init__(
        self,
        caller: Caller,
        source: str,
        where: Where,
        order: str,
        window: IndexWindow,
        condition: Condition | None,
        *,
        in_parts: bool,
    ) -> None:
        super().__init__("s.id", source, where, order, overview.make, counted="sample s", in_parts=in_parts)
        self._caller = caller
        self._window = window
        self._condition = condition

    async def page(self, db: Connection, page: Page) -> list[Overview]:
        async with planned(db, *SERIAL):
            ids = await self._ids(db, page)
        return await self._overviews(db, ids)

    async def pieces(self, db: Connection, page: Page) -> AsyncIterator[list[Overview]]:
        query, parameters = self._select(page)
        await plan_for_values(db, *SERIAL)
        cursor = await db.cursor(query, *parameters)
        while rows := await cursor.fetch(PIECE):
            yield await self._overviews(db, [row[0] for row in rows])

    async def _ids(self, db: Connection, page: Page) -> list[int]:
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
        query = f"SELECT s.id FROM {self.source} WHERE {where.sql} {self.order} {page.clause(where)}"
        return [row[0] for row in await db.fetch(query, *where.parameters)]

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
        where.add("s.id = ANY ({}::bigint[])", list(ids))
        see_samples(where, self._caller, "s", Permission.VIEW_SAMPLES)
        columns = overview.columns(where, self._caller)
        source = overview.source(where, self._caller)
        query = f"SELECT s.id, {columns} FROM {source} WHERE {where.sql}"
        found = {row[0]: overview.make(*row[1:]) for row in await db.fetch(query, *where.parameters)}
        return [found[id_] for id_ in ids if id_ in found]
