"""Tallies: how many rows there are of each kind. Kept by triggers, exact at any moment, and never counted.

The triggers append changes to a table beside the tally, so that writers do not wait for each other. The housekeeper folds
the changes into the tally. The sum of tally and changes is exact at any moment.
"""

from collections.abc import Iterator
from typing import NamedTuple

from samplebank.database.connection import Connection
from samplebank.database.sql import TRUE, Sql, all_of, any_of
from samplebank.timespec import Millis

#: bytes of a table of changes from which on shrinking pays: each page of a list reads the table, mostly empty space
LARGE = 128 * 1024
#: milliseconds of the buckets by level. The last level has a single bucket, for all times
HOUR = 3_600_000
DAY, MONTH = 24 * HOUR, 32 * 24 * HOUR
WIDTHS = (HOUR, DAY, MONTH)
ALL_TIMES = len(WIDTHS)
LEVELS = f"(VALUES (0, {HOUR}::bigint), (1, {DAY}), (2, {MONTH}), ({ALL_TIMES}, NULL)) levels (level, width)"


class Tally:
    """The tally in `table`, and the changes in `<table>_change`. `keys` are the columns that tell kinds of rows apart.

    `sums` are the columns that are added up; the first is the number of rows.
    """

    sums: tuple[str, ...] = ("n",)

    def __init__(self, table: str, *keys: str) -> None:
        self.table = table
        self.keys = ", ".join(keys)
        self.changes = f"{table}_change"

    def _taken(self) -> str:
        """A statement that takes the changes to be folded."""
        return f"DELETE FROM {self.changes} RETURNING *"

    def _folded(self) -> str:
        """A query for what the CTE `changes` adds to the tally."""
        return f"SELECT {self.keys}, sum(n) AS n FROM changes GROUP BY {self.keys}"

    @property
    def folding(self) -> str:
        """A statement that folds the changes into the tally, and tells their number."""
        sums = ", ".join(self.sums)
        changed = " OR ".join(f"{column} <> 0" for column in self.sums)
        added = ", ".join(f"{column} = {self.table}.{column} + excluded.{column}" for column in self.sums)
        return f"""
            WITH changes AS ({self._taken()}),
            folded AS (
                INSERT INTO {self.table} ({self.keys}, {sums})
                SELECT {self.keys}, {sums} FROM ({self._folded()}) f WHERE {changed} ORDER BY {self.keys}
                ON CONFLICT ({self.keys}) DO UPDATE SET {added}
            )
            SELECT count(*) FROM changes
        """

    async def fold(self, db: Connection) -> None:
        """Fold the changes into the tally, and give back the space of the changes. `db` must not be in a transaction."""
        folded = await db.fetchval(self.folding)
        if folded:
            # Shrinking the table locks the table. The lock pays only where each page of a list would read much empty space.
            is_large = await db.fetchval(f"SELECT pg_relation_size('{self.changes}')") > LARGE
            await db.execute(f"VACUUM (TRUNCATE {is_large}) {self.changes}")


class Span(NamedTuple):
    """The buckets of a level from the time `first` on, and before the time `end`, which is None for no end."""

    level: int
    first: Millis
    end: Millis | None


class TallyByTime(Tally):
    """A tally of the rows of a table by a time, in buckets of an hour, a day, a month and all times.

    `time` is the column of the time. Rows for which `counted` does not hold are left out. A change has the exact time.
    """

    def __init__(self, table: str, of: str, *, time: str, counted: str = "TRUE") -> None:
        super().__init__(table, "level", "bucket")
        self._of = of
        #: a query for the rows as changes
        self.rows = f"SELECT {time} AS time, 1 AS n FROM {of} WHERE {counted}"

    def _folded(self) -> str:
        return self.bucketed("changes")

    def bucketed(self, changes: str) -> str:
        """A query for the buckets of `changes`, with every level."""
        return f"""
            SELECT level, coalesce(time / width * width, 0) AS bucket, sum(n) AS n
              FROM (SELECT time / {HOUR} * {HOUR} AS time, sum(n) AS n FROM {changes} GROUP BY time / {HOUR}) hours
             CROSS JOIN {LEVELS}
             GROUP BY level, bucket
        """

    def since(self, first: Millis) -> Sql:
        """An expression: the number of rows of the time `first` or later.

        `first` must begin an hour. For a `first` of 0 or less, all rows count.
        """
        return Sql(
            f"""
            (SELECT coalesce(sum(n), 0)::bigint FROM (SELECT n FROM {self.table} WHERE {{}}
                                                      UNION ALL SELECT n FROM {self.changes} WHERE {{}}) t)
            """,
            any_of(_within(first)),
            TRUE if first <= 0 else Sql("time >= {}", first),
        )

    def by_hour(self, first: Millis) -> Sql:
        """Part of FROM: `t`, with the numbers of rows `n` by `hour`, from `first` on, which begins an hour."""
        return Sql(
            f"""
            (SELECT hour, sum(n)::bigint AS n
               FROM (SELECT bucket AS hour, n FROM {self.table} WHERE level = 0 AND bucket >= {{first}}
                      UNION ALL
                     SELECT time / {HOUR} * {HOUR}, n FROM {self.changes} WHERE time >= {{first}}) told
              GROUP BY hour HAVING sum(n) > 0) t
            """,
            first=first,
        )

    async def disagreements(self, db: Connection) -> int:
        """The number of buckets that differ from what counting the rows gives: 0. Reads every row of the table."""
        found: int = await db.fetchval(f"""
            SELECT count(*) FROM (
                SELECT FROM (
                    SELECT {self.keys}, n FROM {self.table}
                    UNION ALL SELECT {self.keys}, n FROM ({self.bucketed(self.changes)}) c
                    UNION ALL SELECT {self.keys}, -n FROM ({self.bucketed(f"({self.rows}) r")}) r
                ) one GROUP BY {self.keys} HAVING sum(n) <> 0
            ) wrong
        """)
        return found

    async def recount(self, db: Connection) -> None:
        """Count the rows anew, which takes time by their number. Writers of the rows wait. `db` must be in a transaction."""
        await db.execute(f"LOCK TABLE {self._of}, {self.changes}, {self.table} IN SHARE ROW EXCLUSIVE MODE")
        await db.execute(f"DELETE FROM {self.changes}; DELETE FROM {self.table}")
        counted = self.bucketed(f"({self.rows}) r")
        await db.execute(
            f"INSERT INTO {self.table} ({self.keys}, n) SELECT {self.keys}, n FROM ({counted}) c"
        )


def next_hour(time: Millis) -> Millis:
    """The first beginning of an hour at `time` or later."""
    return -(-time // HOUR) * HOUR


def _within(first: Millis) -> Iterator[Sql]:
    for span in spans_since(first):
        end = TRUE if span.end is None else Sql("bucket < {}", span.end)
        yield all_of([Sql(f"level = {span.level} AND bucket >= {{}}", span.first), end])


def spans_since(first: Millis) -> Iterator[Span]:
    """The fewest buckets that hold all times from `first` on, which begins an hour. 0 and less is all times."""
    if first <= 0:
        yield Span(ALL_TIMES, 0, None)
        return
    for level, wider in enumerate(WIDTHS[1:]):
        end = -(-first // wider) * wider
        yield Span(level, first, end)
        first = end
    yield Span(ALL_TIMES - 1, first, None)
