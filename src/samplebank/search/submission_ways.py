"""The ways to the submissions on a page: gather all matches, or go through the submissions."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from samplebank.database import Connection, Page, Sql
from samplebank.database.counting import Count
from samplebank.database.ordering import Order
from samplebank.database.planning import estimated
from samplebank.search.keywords import Keyword, find_common
from samplebank.search.listing import DEEPEST, MOST_GATHERED, PATIENCE, Gathering, rows_within
from samplebank.search.submission_parts import COLUMNS, FROM
from samplebank.search.widths import LITTLE
from samplebank.submissions.model import Submission

#: how many times as many of the first submissions are looked at as an estimate says, and the fewest
SPARE, SHALLOWEST = 2, 500
#: matches that a first look at names has to expect. Where the look finds none, matches stand together elsewhere among the names
EXPECTED = 4


class InOrder(NamedTuple):
    """All submissions in the requested order, until the page is full. Given up after so many `milliseconds`."""

    where: Sql
    order: Order
    milliseconds: int | None = None

    async def find(self, db: Connection, page: Page) -> list[Submission] | None:
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
            queries = [Sql(f"SELECT FROM {FROM} WHERE {{}}", self.where), Sql(f"SELECT FROM {FROM}")]
            matches, everything = await estimated(db, queries) or (0.0, 0.0)
            if matches <= self.little:
                return None
            can_gather = self.milliseconds is not None and matches <= MOST_GATHERED
            depths = self._depths(page, everything / max(matches, 1.0), looks_first=can_gather)
            for most in depths:
                found = _read(await rows_within(db, self._first(page, most), None)) or []
                if len(found) == page.limit:
                    return self._noted(found, page)
                if not found:
                    break
            if depths and can_gather:
                return None
        rows = await InOrder(self.walked, self.order, self.milliseconds).find(db, page)
        return None if rows is None else self._noted(rows, page)

    def _noted(self, found: list[Submission], page: Page) -> list[Submission]:
        if self.gathering.count is None:
            self.gathering.count = Count(page.offset + len(found), is_exact=False)
        return found

    def _depths(self, page: Page, apart: float, *, looks_first: bool) -> list[int]:
        """How many of the first submissions to look at, one after the other, where one of `apart` submissions matches.

        The last is enough where as many of the first submissions match as of all. Empty where these are many, or no single index
        has the order. A word of a search is often one of file names, and names with the word stand together. So of an order
        by names there is a look at few before, if `looks_first`.
        """
        most = max(int(SPARE * (page.offset + page.limit) * apart), SHALLOWEST)
        key, _ = self.order.sorted_by[0]
        if len(self.order.names) > 1 or key.may_be_null or most > DEEPEST or page.after or not page.limit:
            return []
        is_telling = key.field == "file_name" and not page.offset and EXPECTED * apart <= SHALLOWEST < most
        return [SHALLOWEST, most] if looks_first and is_telling else [most]

    def _first(self, page: Page, most: int) -> Sql:
        """A query for the part of the page that is among so many of the first submissions."""
        columns, order = _with_columns(self.order)
        first = Sql(f"(SELECT u.*, {columns} FROM {FROM} {self.order.sql} LIMIT {most:d}) u")
        ids = order._replace(source=first).ids(self.walked, page)
        text = f"SELECT {{}} FROM {FROM} WHERE u.id = ANY (ARRAY({{}})) {self.order.sql}"
        return Sql(text, COLUMNS.selected, ids)


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
        columns, order = _with_columns(self.order)
        among = Sql(f"(SELECT count(*) < {MOST_GATHERED} FROM found)")
        return Sql(
            f"""
            WITH found AS MATERIALIZED (SELECT u.id, {columns} FROM {FROM} WHERE {{}} LIMIT {MOST_GATHERED})
            SELECT total.n, {COLUMNS.sql} FROM (SELECT count(*) AS n FROM found) total
              LEFT JOIN {FROM} ON u.id = ANY (ARRAY({{}})) {self.order.sql}
            """,
            where,
            order._replace(source=Sql("found u")).ids(among, page),
        )


def _with_columns(order: Order) -> tuple[str, Order]:
    """What an order sorts by, as further columns of the submissions `u`, and the order by these columns."""
    names = [name.removeprefix("-") for name in order.names]
    columns = [f"{order.keys[name].sql} AS key_{place}" for place, name in enumerate(names)]
    keys = {name: order.keys[name]._replace(sql=f"u.key_{place}") for place, name in enumerate(names)}
    return ", ".join(columns), order._replace(keys=keys)


def _read(rows: Sequence[Any] | None) -> list[Submission] | None:
    return None if rows is None else [COLUMNS.read(row) for row in rows]
