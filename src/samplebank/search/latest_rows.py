"""Samples by their latest rows, such as the last link: found piece by piece.

A sample may have very many rows. To look for each of the rows whether a later row of the sample follows would take long. So the
samples of a piece of the rows are looked at once each, and the rest of their rows is passed over in the index.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from samplebank.accounts.caller import Caller
from samplebank.database import TRUE, Connection, Page, Sql
from samplebank.database.planning import SERIAL, planned
from samplebank.search.sample_order import LATEST
from samplebank.search.sets import LINK, Kind, Sets

#: rows of a piece for each sample until the end of the page, pieces, and samples until the end of the page, all at most
EACH, PIECES, DEEPEST = 4, 8, 500
#: a time of a row, and the id of a sample
Key = tuple[int, int]


class ByLatestRow(NamedTuple):
    """The samples `s` for which `where` holds, in the order of the latest row that the caller may see, until the page is full.

    Given up where some pieces of the rows have too few samples.
    """

    where: Sql
    kind: Kind
    column: str
    visible: Sql
    is_later_visible: Sql
    descends: bool

    async def find(self, db: Connection, page: Page) -> Sequence[int] | None:
        end = page.offset + page.limit
        if not page.limit or end > DEEPEST:
            return None
        behind = None
        if page.after is not None:
            (time,), id_ = page.after.keys, page.after.id
            if not isinstance(time, int) or not isinstance(id_, int):
                return None  # behind all samples with a row
            behind = time, id_
        found = _Found(behind, descends=self.descends)
        if self.visible is TRUE:
            # the beginning of an index, for which one plan is good
            return await self._fill(db, page, found)
        async with planned(db, *SERIAL):
            return await self._fill(db, page, found)

    async def _fill(self, db: Connection, page: Page, found: "_Found") -> Sequence[int] | None:
        """Look at pieces until the page is full."""
        end = page.offset + page.limit
        for _ in range(PIECES):
            rows = await self._piece(found, EACH * end).rows(db)
            ids = found.add(rows)
            if len(ids) >= end:
                return ids[page.offset : end]
            if sum(row["rows"] for row in rows) < EACH * end:
                return None
        return None

    def _piece(self, found: "_Found", most: int) -> Sql:
        """A query for the samples of the next rows: each with its latest row, the last row here, and the number of rows here."""
        alias, table, column = self.kind.alias, self.kind.table, self.column
        direction, later, last = ("DESC", "<", "min") if self.descends else ("ASC", ">", "max")
        place, beyond = f"{alias}.{column}, {alias}.sample_id", TRUE
        if found.behind is not None:
            beyond = Sql(f"({place}) {later} ({{}}::bigint, {{}}::bigint)", *found.behind)
        return Sql(
            f"""
            WITH part AS MATERIALIZED (
                SELECT {alias}.{column} AS time, {alias}.sample_id FROM {table} {alias}
                 WHERE {{}} AND {{}} AND {alias}.sample_id <> ALL ({{}}::bigint[])
                 ORDER BY {alias}.{column} {direction}, {alias}.sample_id {direction} LIMIT {most:d}
            )
            SELECT one.*, EXISTS (SELECT FROM sample s WHERE s.id = one.sample_id AND {{}}) AS is_match,
                   (SELECT max(later.{column}) FROM {table} later WHERE later.sample_id = one.sample_id AND {{}}) AS latest
              FROM (SELECT sample_id, {last}(time) AS last, count(*) AS rows FROM part GROUP BY sample_id) one
            """,
            self.visible,
            beyond,
            list(found.seen),
            self.where,
            self.is_later_visible,
        )


class _Found:
    """The samples of the pieces so far. All rows up to `behind` have been looked at, and all rows of the samples `seen`."""

    def __init__(self, behind: Key | None, *, descends: bool) -> None:
        self.behind = behind
        self.seen: set[int] = set()
        self._descends = descends
        self._begin = behind
        self._matches: list[Key] = []

    def add(self, rows: Sequence[Any]) -> list[int]:
        """Add the samples of a piece. Answers the ids of the matches whose place is known, in order."""
        self.seen.update(row["sample_id"] for row in rows)
        self._matches += [
            key
            for row in rows
            if row["is_match"] and self._is_later(key := (row["latest"], row["sample_id"]), self._begin)
        ]
        self._matches.sort(reverse=self._descends)
        for row in rows:
            last = row["last"], row["sample_id"]
            self.behind = last if self._is_later(last, self.behind) else self.behind
        return [key[1] for key in self._matches if not self._is_later(key, self.behind)]

    def _is_later(self, one: Key, other: Key | None) -> bool:
        """Whether the one comes behind the other in the order."""
        return other is None or (one < other if self._descends else one > other)


def by_latest_row(caller: Caller, where: Sql, names: Sequence[str]) -> ByLatestRow | None:
    """The way for an order by these names; None for any other order, and where most rows belong to others and are passed over."""
    name = names[0].removeprefix("-")
    if len(names) > 1 or name not in LATEST:
        return None
    _, kind, column = LATEST[name]
    sets = Sets(caller)
    if kind is not LINK and sets.visible(kind) is not TRUE:
        return None
    later = sets.visible(kind._replace(alias="later"))
    return ByLatestRow(where, kind, column, sets.visible(kind), later, names[0].startswith("-"))
