"""The ways to the submissions on a page: gather all matches, or go through the submissions."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from samplebank.database import Connection, Page, Sql
from samplebank.database.counting import Count
from samplebank.database.ordering import Order
from samplebank.database.planning import estimated
from samplebank.search.keywords import Keyword, find_common
from samplebank.search.listing import MOST_GATHERED, PATIENCE, Gathering, rows_within
from samplebank.search.submission_parts import COLUMNS, FROM
from samplebank.search.widths import LITTLE
from samplebank.submissions.model import Submission


class InOrder(NamedTuple):
    """All submissions in the requested order, until the page is full. Given up after so many `milliseconds`."""

    where: Sql
    order: Order
    milliseconds: int | None = None

    async def find(self, db: Connection, page: Page) -> Sequence[Submission] | None:
        query = self.order.rows(COLUMNS.selected, self.order.source, self.where, page)
        return _read(await rows_within(db, query, self.milliseconds))


class Much(NamedTuple):
    """A search for much: submissions in the requested order, with a look at each, until the page is full.

    Given up after so many `milliseconds`, and for a search for little. `walked` is the condition without indexes of words.
    """

    where: Sql
    walked: Sql
    order: Order
    gathering: Gathering
    milliseconds: int | None = PATIENCE
    little: float = LITTLE

    async def find(self, db: Connection, page: Page) -> Sequence[Submission] | None:
        if not self.gathering.is_much:
            (matches,) = await estimated(db, [Sql(f"SELECT FROM {FROM} WHERE {{}}", self.where)]) or [0.0]
            if matches <= self.little:
                return None
        found = await InOrder(self.walked, self.order, self.milliseconds).find(db, page)
        if found is not None and self.gathering.count is None:
            self.gathering.count = Count(page.offset + len(found), is_exact=False)
        return found


class Gathered(NamedTuple):
    """All matching submissions, gathered with the number of matches.

    `find_all` is given words too common to look for. Given up for a search for much.
    """

    find_all: Callable[[frozenset[str]], Sql]
    keywords: Sequence[Keyword]
    order: Order
    gathering: Gathering

    async def find(self, db: Connection, page: Page) -> Sequence[Submission] | None:
        if self.gathering.is_much:
            return None
        query = self._gathered(self.find_all(await find_common(db, self.keywords)), page)
        rows = await rows_within(db, query, None)
        if rows is None:
            return None
        number = rows[0][0]
        is_all = number < MOST_GATHERED
        self.gathering.note(number, is_all=is_all)
        # beside a page without rows the number stands alone
        return _read([row[1:] for row in rows if row[1]]) if is_all else None

    def _gathered(self, where: Sql, page: Page) -> Sql:
        # an array, of which the planner expects few: the submissions are found by their ids, and sorted
        little = f"SELECT id FROM found WHERE (SELECT count(*) < {MOST_GATHERED} FROM found)"
        among = Sql(f"u.id = ANY (ARRAY({little}))")
        return Sql(
            f"""
            WITH found AS MATERIALIZED (SELECT u.id FROM {FROM} WHERE {{}} LIMIT {MOST_GATHERED})
            SELECT total.n, {COLUMNS.sql} FROM (SELECT count(*) AS n FROM found) total
              LEFT JOIN {FROM} ON u.id = ANY (ARRAY({{}})) {self.order.sql}
            """,
            where,
            self.order.ids(among, page),
        )


def _read(rows: Sequence[Any] | None) -> list[Submission] | None:
    return None if rows is None else [COLUMNS.read(row) for row in rows]
