"""Tallies: how many rows there are of each kind. Kept by triggers, exact at any moment, and never counted.

The triggers append changes to a table beside the tally, so that writers do not wait for each other. The housekeeper folds
the changes into the tally. The sum of tally and changes is exact at any moment.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from samplebank.database.connection import Connection
from samplebank.database.query import Where
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
    """The tally in `table`, and the changes in `<table>_change`. `keys` are the columns that tell kinds of rows apart."""

    def __init__(self, table: str, *keys: str) -> None:
        self.table = table
        self.keys = ", ".join(keys)
        self.changes = f"{table}_change"

    def _folded(self) -> str:
        """A query for what the CTE `changes` adds to the tally."""
        return f"SELECT {self.keys}, sum(n) AS n FROM changes GROUP BY {self.keys}"

    def _further_tables(self) -> str:
        """Further CTEs that fold `news`, if there are other tables to fold into."""
        return ""

    @property
    def _columns(self) -> str:
        return self.keys

    async def fold(self, db: Connection) -> None:
        """Fold the changes into the tally, and give back the space of the changes. `db` must not be in a transaction."""
        folded = await db.fetchval(f"""
            WITH changes AS (DELETE FROM {self.changes} RETURNING *),
            news AS MATERIALIZED ({self._folded()}),
            folded AS (
                INSERT INTO {self.table} ({self._columns}, n)
                SELECT {self._columns}, n FROM news WHERE n <> 0 ORDER BY {self.keys}
                ON CONFLICT ({self.keys}) DO UPDATE SET n = {self.table}.n + excluded.n
            )
            {self._further_tables()}
            SELECT count(*) FROM changes
        """)
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
    """A tally of the rows of a table by readers and time, in buckets of an hour, a day, a month and all times.

    `time` is the column of the time, `further` are the columns besides the readers that the visibility of a row depends on.
    Rows for which `counted` does not hold are left out. A change has the exact time. The readers of a bucket stand behind
    their digest, as a key may not be as long as an array.
    """

    def __init__(
        self, table: str, of: str, *, time: str, further: Sequence[str] = (), counted: str = "TRUE"
    ) -> None:
        super().__init__(table, "level", "bucket", "digest", *further)
        #: the same for all readers together: a caller who sees every row need not add up every set of readers
        self.total = f"{table}_total"
        #: the columns of a row that say who sees the row
        self.seen = ", ".join(("readers", *further))
        self._first = ", ".join(("min(readers) AS readers", *further))
        #: a query for the rows as changes
        self._rows = f"SELECT {self.seen}, {time} AS time, 1 AS n FROM {of} WHERE {counted}"

    @property
    def _columns(self) -> str:
        return f"{self.keys}, readers"

    def _folded(self) -> str:
        return self.bucketed("changes")

    def _further_tables(self) -> str:
        return f"""
            , totalled AS (
                INSERT INTO {self.total} (level, bucket, n)
                SELECT level, bucket, sum(n) FROM news GROUP BY level, bucket HAVING sum(n) <> 0 ORDER BY level, bucket
                ON CONFLICT (level, bucket) DO UPDATE SET n = {self.total}.n + excluded.n
            )
        """

    def bucketed(self, changes: str) -> str:
        """A query for the buckets of `changes`, with every level."""
        return f"""
            SELECT level, coalesce(time / width * width, 0) AS bucket, digest, {self._first}, sum(n) AS n
              FROM (SELECT sha256(convert_to(readers::text, 'UTF8')) AS digest, {self.seen}, time, n
                      FROM (SELECT {self.seen}, time / {HOUR} * {HOUR} AS time, sum(n) AS n
                              FROM {changes} GROUP BY {self.seen}, time / {HOUR}) hours) hours
             CROSS JOIN {LEVELS}
             GROUP BY {self.keys}
        """

    def since(self, where: Where, first: Millis) -> str:
        """A source of (readers, the further columns, n) for the rows of the time `first` or later.

        `first` must begin an hour. For a `first` of 0 or less, the source has all rows.
        """
        return f"""
            SELECT {self.seen}, n FROM {self.table} WHERE {self._in(where, first)}
            UNION ALL SELECT {self.seen}, n FROM {self.changes} WHERE {self._changed_in(where, first)}
        """

    def all_since(self, where: Where, first: Millis) -> str:
        """As `since`, a source of (n) for a caller who sees every row."""
        return f"""
            SELECT n FROM {self.total} WHERE {self._in(where, first)}
            UNION ALL SELECT n FROM {self.changes} WHERE {self._changed_in(where, first)}
        """

    def _changed_in(self, where: Where, first: Millis) -> str:
        return f"time >= {where.value(first)}" if first > 0 else "TRUE"

    def _in(self, where: Where, first: Millis) -> str:
        spans = []
        for span in spans_since(first):
            end = "" if span.end is None else f" AND bucket < {where.value(span.end)}"
            spans.append(f"(level = {span.level} AND bucket >= {where.value(span.first)}{end})")
        return " OR ".join(spans)

    async def disagreements(self, db: Connection) -> int:
        """The number of buckets that differ from what counting the rows gives: 0. Reads every row of the table."""
        found: int = await db.fetchval(f"""
            SELECT count(*) FROM (
                SELECT FROM (
                    SELECT {self.keys}, n FROM {self.table}
                    UNION ALL SELECT {self.keys}, n FROM ({self.bucketed(self.changes)}) c
                    UNION ALL SELECT {self.keys}, -n FROM ({self.bucketed(f"({self._rows}) r")}) r
                ) one GROUP BY {self.keys} HAVING sum(n) <> 0
                UNION ALL SELECT FROM (
                    SELECT level, bucket, n FROM {self.total} UNION ALL SELECT level, bucket, -n FROM {self.table}
                ) total GROUP BY level, bucket HAVING sum(n) <> 0
            ) wrong
        """)
        return found


def next_hour(time: Millis) -> Millis:
    """The first beginning of an hour at `time` or later."""
    return -(-time // HOUR) * HOUR


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
