"""The ways to the ids of the samples on a page: gather all matches, or go through the samples."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from samplebank.database import TRUE, Connection, Page, Sql, all_of
from samplebank.database.counting import Count
from samplebank.database.ordering import Order
from samplebank.database.planning import SERIAL, planned
from samplebank.search.creation import Creation
from samplebank.search.keywords import Keyword, find_common
from samplebank.search.listing import (
    DEEPEST,
    HASTE,
    MOST_GATHERED,
    PATIENCE,
    Gathering,
    rows_of_sets,
    rows_within,
)
from samplebank.search.sample_parts import SampleParts
from samplebank.search.sets import Members, Slice
from samplebank.search.widths import ALL_SAMPLES, FEW, LITTLE, Findable, Widths, estimate
from samplebank.search.window import IndexWindow

#: the fewest of the newest samples that are looked at, and how many times as many as an estimate says
SHALLOWEST, SPARE = 500, 2
#: how many times as many ids as samples lie between the least and the greatest id of the newest samples, at most
APART = 20
#: how many more of the newest ids are looked at than the page needs: as many samples come at once, with ids in another order than times
MORE = 100
#: the part of the samples from which on a search can find about as much as the estimate of its sets says
MOST_OF_ALL = 0.5


class Ask(NamedTuple):
    """The question to a list of samples `s`: the condition, and the order."""

    where: Sql
    order: Order


class ByDigest(NamedTuple):
    """The samples with some digests: few in any case, so that no plan for the values is needed."""

    ask: Ask

    async def find(self, db: Connection, page: Page) -> Sequence[int] | None:
        return [row[0] for row in await self.ask.order.ids(self.ask.where, page).rows(db)]


class InOrder(NamedTuple):
    """All samples in the requested order, until the page is full. Given up after so many `milliseconds`."""

    ask: Ask
    milliseconds: int | None = None

    async def find(self, db: Connection, page: Page) -> Sequence[int] | None:
        rows = await rows_within(db, self.ask.order.ids(self.ask.where, page), self.milliseconds)
        return None if rows is None else [row[0] for row in rows]


class Beginning(NamedTuple):
    """The samples with the key of the order, such as a last submission. Most pages have no others, and to plan for others takes a millisecond."""

    ask: Ask

    async def find(self, db: Connection, page: Page) -> Sequence[int] | None:
        order = self.ask.order.beginning
        if order is None or not page.limit or (page.after is not None and None in page.after.keys):
            return None
        ids = await InOrder(self.ask._replace(order=order)).find(db, page)
        return ids if ids is not None and len(ids) == page.limit else None


class OfRange(NamedTuple):
    """All samples of a range of creation times, in the order that `order` writes for the range."""

    where: Sql
    order: Callable[[Creation | None], Order]
    creation: Creation

    async def find(self, db: Connection, page: Page) -> Sequence[int] | None:
        creation = await self.creation.looked_up(db)
        order, back = self.order(creation), creation.ids.back
        if not back or not order.branches:
            return await InOrder(Ask(self.where, order)).find(db, page) or []
        # Samples that came back stand elsewhere in the order of ids: both beginnings are put together.
        beginning = Page(page.offset + page.limit if page.limit else 0, after=page.after)
        came_back = Sql("s.id = ANY ({}::bigint[])", list(back))
        asks = [Ask(self.where, order), Ask(all_of([self.where, came_back]), self.order(None))]
        found = {id_ for ask in asks for id_ in await InOrder(ask).find(db, beginning) or []}
        query = Sql(
            f"SELECT s.id FROM {{}} WHERE s.id = ANY ({{}}::bigint[]) {order.sql} {page.clause()}",
            order.source,
            list(found),
        )
        return [row[0] for row in await query.rows(db)]


class Lists(NamedTuple):
    """The lists of a caller of few customers, whose samples are gone through. `seen` is a query for all of the samples.

    `looked_up` is the condition on a sample of the lists.
    """

    parts: SampleParts
    seen: Sql
    looked_up: Callable[[Widths], Sql]


class Much(NamedTuple):
    """A search for much: samples in the requested order, with a look at the rows of each, until the page is full.

    The newest few thousand samples fill most pages that begin with the newest. `walked` is the condition on samples that are
    gone through, in a slice or one by one. Given up after so many `milliseconds`, and for a search for little.
    """

    ask: Ask
    sets: list[list[Members]]
    walked: Callable[[Slice | None, Widths], Sql]
    window: IndexWindow
    findable: Findable
    gathering: Gathering
    is_newest_first: bool
    lists: Lists | None = None
    milliseconds: int | None = PATIENCE
    little: float = LITTLE

    async def find(self, db: Connection, page: Page) -> Sequence[int] | None:
        if not self.gathering.is_much and FEW.are_at_most(db, self.little / 2):
            return None
        seen = ALL_SAMPLES if self.lists is None else self.lists.seen
        widths = await estimate(db, self.sets, seen, self.findable.samples)
        if widths is None:
            return None if self.milliseconds else await InOrder(self.ask).find(db, page)
        widths = widths._replace(wanted=page.offset + page.limit)
        patience = self.milliseconds
        if widths.matches <= self._most_gathered(widths, page) and not self.gathering.is_much:
            self.gathering.narrowest = widths.narrowest
            if not widths.is_dear_to_gather:
                return None
            patience = HASTE
        found = await self._walk(db, page, widths, patience)
        if found is not None and self.gathering.count is None:
            self._note(widths, Count(page.offset + len(found), is_exact=False))
        return found

    def _note(self, widths: Widths, least: Count) -> None:
        """Note that there are more matches than are always counted. Where the caller can find a part of them only, note where to count."""
        if widths.found >= self.little or widths.part > MOST_OF_ALL:
            self.gathering.count = least
        elif widths.is_narrow_beside_rows:
            self.gathering.matches = self.findable.matches(widths)

    async def _walk(
        self, db: Connection, page: Page, widths: Widths, patience: int | None
    ) -> Sequence[int] | None:
        found = None
        if self.lists is not None:
            condition = self.lists.looked_up(widths)
            found = await self.lists.parts.find_among(db, page, condition, patience)
        elif self.is_newest_first and len(self.sets) == 1:
            found = await self._among_the_newest(db, page, widths, patience)
        if found is None:
            walk = Ask(self.walked(None, widths), self.ask.order)
            found = await InOrder(walk, patience).find(db, page)
        return found

    def _most_gathered(self, widths: Widths, page: Page) -> float:
        """Of a wide page, up to twice as many matches are gathered, where going through the samples would read more rows.

        Going through the samples reads rows * samples / matches.
        """
        as_much = math.sqrt((page.offset + page.limit) * widths.samples)
        return min(2 * self.little, max(self.little, as_much))

    async def _among_the_newest(
        self, db: Connection, page: Page, widths: Widths, patience: int | None
    ) -> Sequence[int] | None:
        deep = int(SPARE * (page.offset + page.limit) / widths.density) if widths.density else DEEPEST
        if deep >= DEEPEST or page.after is not None:
            return None
        part = await self._newest(db, max(deep, SHALLOWEST))
        if part is None:
            return None
        rows = await rows_within(db, self.ask.order.ids(self.walked(part, widths), page), patience)
        return [row[0] for row in rows] if rows is not None and len(rows) == page.limit else None

    async def _newest(self, db: Connection, newest: int) -> Slice | None:
        """The newest samples; None where one of them has an old id, as a sample that was deleted and uploaded again has."""
        end = self.window.end
        query = Sql(
            """
            SELECT min(id), max(id), min(created_time)
              FROM (SELECT id, created_time FROM sample WHERE {}
                     ORDER BY created_time DESC, id DESC LIMIT {}) newest
            """,
            TRUE if end is None else Sql("created_time <= {}", end),
            newest,
        )
        async with planned(db, *SERIAL):
            least, greatest, since = await query.row(db)
        if least is None or greatest - least > APART * newest:
            return None
        return Slice(least, since)


class Everything(NamedTuple):
    """The source of all matches, as `m.id`.

    `find` is given words too common to look for, and the place of the list of sets to begin with.
    """

    find: Callable[[frozenset[str], int], Sql]
    keywords: list[Keyword]


class Gathered(NamedTuple):
    """All samples with matching rows, gathered with the number of samples. Looked for from the rows, not from the samples.

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
        ((number, is_all, ids),) = await rows_of_sets(db, write(found, page))
        self.gathering.note(number, is_all=is_all)
        return ids if is_all else None

    def _sorted(self, gathered: Sql, page: Page) -> Sql:
        """A query for the number of found ids, whether these are all matches, and the ids on the page."""
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
        """As `_sorted`. Reads the times only of the greatest ids, and of lesser ids that are as new all the same."""
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


def _gathering(found: Sql) -> Sql:
    """All ids in one array, in ascending order, with the number of ids, and whether the array has all.

    The rows come nearly in order, so that sorting takes a third less time in all than a hash table for DISTINCT.
    """
    return Sql(
        f"""
        SELECT ids, coalesce(cardinality(ids), 0)::bigint AS n, rows < {MOST_GATHERED} AS is_all
          FROM (SELECT array_agg(DISTINCT id) AS ids, count(*) AS rows
                  FROM (SELECT m.id {{}} LIMIT {MOST_GATHERED}) part) gathered
        """,
        found,
    )
