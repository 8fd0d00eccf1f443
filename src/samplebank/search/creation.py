"""Samples that were created in a time range: where they stand in other orders that go with time.

An order by something else, such as the last submission, goes with the time of the creation. An index of the order would be read
from its beginning, and all samples from before the range be passed over. So the index is entered where samples of the range can
stand:

- Ids are given in the order of creation. Samples that were deleted and came back have their old ids (`sample_returned`).
- What belongs to a sample is not older than the sample. Only of the samples with late activity (`sample_late`) something is newer
  by more than an hour.
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

from samplebank.database import TRUE, Connection, Sql, all_of, any_of
from samplebank.database.times import TimeRange
from samplebank.samples.tally import LATE

#: milliseconds by which clocks, or transactions that overlap, may turn the order of two events round
EARLY = 300_000
#: of more samples that came back the ids are not looked up
MOST_RETURNED = 1000
#: the last sample from before a time, or the first sample from after a time; samples that came back tell nothing
BESIDE = """
    (SELECT x.id FROM sample x
      WHERE x.created_time {sign} {{}} AND NOT EXISTS (SELECT FROM sample_returned b WHERE b.sample_id = x.id)
      ORDER BY x.created_time {direction}, x.id {direction} LIMIT 1)
"""
BEFORE = BESIDE.format(sign="<", direction="DESC")
AFTER = BESIDE.format(sign=">=", direction="ASC")


class Ids(NamedTuple):
    """The ids of the samples of a range: greater than `least` and less than `greatest`, or of the samples that came `back`."""

    least: int | None
    greatest: int | None
    back: Sequence[int]

    def near(self, column: str) -> Sql:
        """The id in the column lies between the two."""
        bounds = [(">", self.least), ("<", self.greatest)]
        return all_of([Sql(f"{column} {sign} {{}}", bound) for sign, bound in bounds if bound is not None])

    def hold(self, column: str) -> Sql:
        """The id in the column may be the id of a sample of the range."""
        back = [Sql(f"{column} = ANY ({{}}::bigint[])", list(self.back))] if self.back else []
        return any_of([self.near(column), *back])


EVERY_ID = Ids(None, None, ())


class Creation(NamedTuple):
    """The samples that were created in a range of times with at least one bound. `ids` are known after a look."""

    times: TimeRange
    ids: Ids = EVERY_ID

    def of(self, alias: str) -> Sql:
        """The sample `alias` was created in the range."""
        return self.times.within(f"{alias}.created_time")

    async def looked_up(self, db: Connection) -> Self:
        """The same range with the ids of its samples."""
        start, end = self.times.start, self.times.end
        query = Sql(
            "SELECT {}, {}, ARRAY(SELECT b.sample_id FROM sample_returned b WHERE {} LIMIT {})",
            Sql("NULL::bigint") if start is None else Sql(BEFORE, start - EARLY),
            Sql("NULL::bigint") if end is None else Sql(AFTER, end + EARLY),
            self.of("b"),
            MOST_RETURNED + 1,
        )
        least, greatest, back = await query.row(db)
        return self if len(back) > MOST_RETURNED else self._replace(ids=Ids(least, greatest, back))

    def zones(self, column: str, sample: str) -> Sequence[Sql]:
        """Conditions on rows of samples by the time in `column`, in the order of time. Each row fulfils one at most.

        A row from long after the range belongs to a sample with late activity.
        """
        start, end = self.times.start, self.times.end
        since = TRUE if start is None else Sql(f"{column} >= {{}}", start - EARLY)
        if end is None:
            return [since]
        late = Sql(
            "SELECT x.sample_id FROM sample_late x WHERE x.activity_time >= {} AND {}",
            end + LATE,
            self.ids.hold("x.sample_id"),
        )
        after = Sql(f"{column} >= {{}} AND {sample} = ANY (ARRAY({{}}))", end + LATE, late)
        return [all_of([since, Sql(f"{column} < {{}}", end + LATE)]), after]
