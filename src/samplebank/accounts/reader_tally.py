"""How many rows each reader has, so that a list of a reader of few customers need not be counted.

A row with several readers stands in several lists. So what two lists have in common is tallied, too, where one of the two is the
list of a domain. Rows for everybody stand in the list of everybody only.
"""

from collections.abc import Collection, Sequence

from samplebank.accounts.caller import EVERYBODY, UPLOADERS
from samplebank.database import TRUE, Sql, all_of, joined
from samplebank.database.tally import ALL_TIMES, LEVELS, WIDTHS, TallyByTime, spans_since
from samplebank.timespec import Millis

#: the pairs of lists that a row with `readers` stands in: of a list with itself, and with the list of each domain
PAIRS = f"""
    (SELECT r AS reader, r AS also FROM unnest(readers) r
      UNION
     SELECT r, d FROM unnest(readers) r, unnest(readers) d
      WHERE (r > {EVERYBODY} OR r <= {UPLOADERS}) AND d < {EVERYBODY} AND d > {UPLOADERS})
"""


class TallyByReaders(TallyByTime):
    """A tally of rows by their readers and a time. `also` is the other list, or `reader` for all rows of the list.

    `readers` is an expression for the readers of a row: EVERYBODY alone, where everybody may read. A change has the exact time and all readers.
    """

    #: the level of the finest buckets
    finest = 0

    def __init__(self, table: str, of: str, *, time: str, readers: str, counted: str = "TRUE") -> None:
        super().__init__(table, of, time=time, counted=counted)
        self.keys = f"reader, also, {self.keys}"
        self.rows = f"SELECT {time} AS time, {readers} AS readers, 1 AS n FROM {of} WHERE {counted}"

    def bucketed(self, changes: str) -> str:
        width = WIDTHS[self.finest]
        return f"""
            SELECT reader, also, level, coalesce(time / width * width, 0) AS bucket, sum(n) AS n
              FROM (SELECT time / {width} * {width} AS time, readers, sum(n) AS n FROM {changes}
                     GROUP BY time / {width}, readers) buckets
             CROSS JOIN LATERAL {PAIRS} pairs
             JOIN {LEVELS} ON level >= {self.finest}
             GROUP BY reader, also, level, bucket
        """

    def beginning(self, since: Millis) -> Millis:
        """When the first of the finest buckets begins, at `since` or later."""
        width = WIDTHS[self.finest]
        return -(-since // width) * width

    def seen_since(self, numbers: Sequence[int], first: Millis) -> Sql:
        """An expression: the number of rows of the time `first` or later that have one of the readers `numbers`.

        At most one of the numbers is that of a domain. `first` must begin a bucket. Of the other numbers no two may be readers of the
        same row; `most_have_rows` tells so.
        """
        domains = [number for number in numbers if UPLOADERS < number < EVERYBODY]
        others = [number for number in numbers if number not in domains and number != EVERYBODY]
        # rows in the list of the domain and in another list are counted once
        twice = [(number, domain) for number in others for domain in domains]
        told = [
            Sql(
                f"""
                SELECT p.sign * t.n FROM unnest({{}}::bigint[], {{}}::bigint[], {{}}::bigint[]) p (reader, also, sign)
                  JOIN {self.table} t ON t.reader = p.reader AND t.also = p.also
                   AND t.level = {span.level} AND t.bucket >= {{}} AND {{}}
                """,
                [*numbers, *(number for number, _ in twice)],
                [*numbers, *(domain for _, domain in twice)],
                [*(1 for _ in numbers), *(-1 for _ in twice)],
                span.first,
                TRUE if span.end is None else Sql("t.bucket < {}", span.end),
            )
            for span in spans_since(first)
        ]
        since = TRUE if first <= 0 else Sql("time >= {}", first)
        changed = all_of([Sql("readers && {}::bigint[]", list(numbers)), since])
        told.append(Sql(f"SELECT n FROM {self.changes} WHERE {{}}", changed))
        return Sql("(SELECT coalesce(sum(n), 0)::bigint FROM ({}) t (n))", joined(" UNION ALL ", told))

    def most_have_rows(self, numbers: Collection[int], most: int) -> Sql:
        """A condition: at most so many of the lists of these readers have rows, as far as changes are folded."""
        return Sql(
            f"""
            (SELECT count(*) FROM unnest({{}}::bigint[]) r JOIN {self.table} t
                ON t.reader = r AND t.also = r AND t.level = {ALL_TIMES} AND t.bucket = 0 AND t.n <> 0) <= {most:d}
            """,
            sorted(numbers),
        )

    def knows_no_row_of(self, numbers: Sequence[int]) -> Sql:
        """A condition: no row has one of the readers `numbers`. May fail where rows had one until the last changes."""
        changed = Sql(f"EXISTS (SELECT FROM {self.changes} WHERE readers && {{}}::bigint[])", list(numbers))
        return Sql("({} AND NOT {})", self.most_have_rows(numbers, 0), changed)


class TallyOfDays(TallyByReaders):
    """As `TallyByReaders`, without hours: for rows of which an index has the rest of a day by reader."""

    finest = 1
