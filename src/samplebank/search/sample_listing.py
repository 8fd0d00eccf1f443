"""The list of a sample search: first the ids, in order; then the overviews of the samples on the page."""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, NamedTuple

from samplebank.accounts.access import see_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import TRUE, Columns, Connection, Page, Shape, Sql, all_of
from samplebank.database.counting import Count, count_rows, tallied
from samplebank.database.listing import PIECE, OrderedListing
from samplebank.database.planning import SERIAL, plan_for_values, planned
from samplebank.database.query import Place
from samplebank.search.listing import Gathering, Way
from samplebank.search.overview import Overview, Overviews, SeenOverviews
from samplebank.search.sample_ways import Ask


class Id(NamedTuple):
    id: int


#: what is selected first; the rest is read for the samples of the page only
IDS: Shape[Any] = Columns.of(Id, "s")


class SampleListing(OrderedListing[Overview]):
    """Matching samples, found by the first of `ways` that finds the page.

    `matches` writes a query with one row for each match. `number` is an expression for the number of matches, where a tally
    knows, `listed` one that counts a little, and `all_but` a slower one that is planned for its values.
    """

    def __init__(
        self,
        caller: Caller,
        ask: Ask,
        ways: Sequence[Way[int]],
        matches: Callable[[], Sql],
        gathering: Gathering,
        *,
        number: Sql | None = None,
        listed: Sql | None = None,
        all_but: Sql | None = None,
    ) -> None:
        super().__init__(IDS, ask.order.source, ask.where, ask.order)
        self.gathering = gathering
        self._caller = caller
        self.ways = ways
        self._matches = matches
        self._number = number
        self._listed = listed
        self._all_but = all_but
        #: a list without criteria, for a caller who sees every sample: page and number by one statement
        self._is_plain = number is not None and see_samples(caller, "s", Permission.VIEW_SAMPLES) is TRUE
        self.is_quick = self._is_plain
        self.is_dear = number is None and listed is None and all_but is None
        self._shown = Overviews(caller)
        #: digest and id of the last sample that was read
        self._last: tuple[bytes, int] | None = None

    @property
    def known_count(self) -> Count | None:
        return self.gathering.count

    def with_newest(self) -> None:
        """Read each sample with the newest submission: rows are of `SeenOverview` from now on."""
        self._shown = SeenOverviews(self._caller)

    def among(self, page: Page) -> Sql | None:
        """The samples `s` of a page, as a condition. None where the best way to the page depends on the values of the search."""
        if not self._is_plain:
            return None
        return Sql("s.id = ANY (ARRAY({}))", self.by.ids(self.where, page))

    async def page(self, db: Connection, page: Page) -> list[Overview]:
        if self._is_plain and self._number is not None:
            return await self._at_once(db, page, self._number, await _found(self.ways[:-1], db, page))
        ids = await self.ids(db, page)
        return await self._overviews(db, ids) if ids else []

    async def ids(self, db: Connection, page: Page) -> list[int]:
        """Find the ids of the samples on a page, in order."""
        return list(await _found(self.ways, db, page) or [])

    async def pieces(self, db: Connection, page: Page) -> AsyncGenerator[list[Overview], None]:
        query, values = self._selected(page).render()
        await plan_for_values(db, *SERIAL)
        cursor = await db.cursor(query, *values)
        while rows := await cursor.fetch(PIECE):
            yield await self._overviews(db, [row[0] for row in rows])

    async def count(self, db: Connection, budget: float) -> Count:
        known = self.gathering.count or await tallied(db, self._number)
        known = known or await tallied(db, self._listed, budget, has_one_plan=True)
        known = known or await tallied(db, self._all_but, budget)
        return known or await count_rows(db, self._matches(), budget)

    async def _at_once(
        self, db: Connection, page: Page, number: Sql, ids: Sequence[int] | None
    ) -> list[Overview]:
        """The page and the number of a list without criteria, by one statement: any values have the same plan.

        `ids` are the ids on the page, where these are known.
        """
        shown = self._shown
        found = (
            self.by.ids(self.where, page) if ids is None else Sql("SELECT unnest({}::bigint[])", list(ids))
        )
        query = Sql(
            """
            SELECT {}, s.id, {} FROM {} JOIN unnest(ARRAY({})) WITH ORDINALITY page(id, place) ON page.id = s.id
             ORDER BY page.place
            """,
            number,
            shown.selected,
            shown.source,
            found,
        )
        rows = await query.rows(db)
        if rows:
            self.gathering.count = Count(rows[0][0])
        return self._noted([(row[1], shown.read(row[2:])) for row in rows])

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
        async with planned(db, *SERIAL):
            return await query.value(db) or []

    async def place_of(self, db: Connection, row: Overview) -> Place:
        fields = [key.field for key, _ in self.by.sorted_by[:-1]]
        if all(fields) and self._last is not None and self._last[0] == row.sha256:
            return Place(tuple(getattr(row, field) for field in fields), self._last[1])
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
        shown = self._shown
        query = Sql("SELECT s.id, {} FROM {} WHERE {}", shown.selected, shown.source, where)
        found = {row[0]: shown.read(row[1:]) for row in await query.rows(db)}
        return self._noted([(id_, found[id_]) for id_ in ids if id_ in found])

    def _noted(self, found: list[tuple[int, Overview]]) -> list[Overview]:
        """The samples behind their ids. Keeps the last id, so that `place_of` need not ask for the place of the last sample."""
        if found:
            id_, last = found[-1]
            self._last = last.sha256, id_
        return [overview for _, overview in found]


async def _found(ways: Sequence[Way[int]], db: Connection, page: Page) -> Sequence[int] | None:
    """The ids on a page by the first of the ways that finds the page; None where no way does."""
    for way in ways:
        ids = await way.find(db, page)
        if ids is not None:
            return ids
    return None
