"""Jobs of a time range, in any order: the parts of such a list, each of which an index finds in order.

The three times of a job lie close together. So a job with any time in the range has every other time in the range, or
near one of its bounds, unless the job is one of the few *long* jobs, which have an index of their own: by the time from the first to
the last of the three.

The jobs with the key of the list beyond the range are few or none as a rule. So these jobs are looked up first, by one
statement. Page and number are then simple questions about the range.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from uuid import UUID

from samplebank.database import TRUE, Connection, Sql, all_of, joined
from samplebank.database.ordering import Branch, Key
from samplebank.database.times import TimeRange
from samplebank.jobs.model import JobState

#: milliseconds between the first and the last time of a job, from which on the job is long; also in the index `job_life`
LONG = 3_600_000
FIRST, LAST = (f"{of}(j.enqueued_time, j.start_time, j.end_time)" for of in ("least", "greatest"))
IS_LONG = Sql(f"{LAST} - {FIRST} > {LONG}")
ENQUEUED = Key("j.enqueued_time", field="enqueued_time")
TIE = "j.id"
#: in the order of the database, which is that of the texts
STATES = tuple(sorted(JobState))
#: jobs beyond a range that are named one by one; of more jobs, each query finds the jobs anew
MOST_BEYOND = 1000


class Beyond(NamedTuple):
    """Conditions on the jobs that match with their key before a range, and behind the range; None where there is no such job."""

    before: Sql | None = None
    behind: Sql | None = None


class Ranged:
    """Jobs `j` with times in a range, of which `others` holds as well. `where` is all that is asked for."""

    def __init__(self, times: TimeRange, others: Sql) -> None:
        self._times = times
        self.others = others
        self.where = all_of([times.condition, others])

    async def beyond(self, db: Connection, key: Key) -> Beyond:
        """Look up the jobs that match with their key beyond the range, in a transaction that plans for values."""
        found = self._all_beyond(key)
        if not found:
            return Beyond()
        rows = await Sql(f"{{}} LIMIT {MOST_BEYOND + 1}", joined(" UNION ALL ", found)).rows(db)
        if len(rows) > MOST_BEYOND:
            return self._beyond_unseen(key)
        before, behind = ({row[0] for row in rows if row[1] is side} for side in (True, False))
        return Beyond(_is_one_of(before), _is_one_of(behind))

    def by_time(self, key: Key, beyond: Beyond, *, descends: bool) -> tuple[Branch, ...]:
        """The parts of the list by one of the times."""
        zones = (beyond.before, self.within(key), beyond.behind)
        parts = [Branch(Sql("job j"), key, TIE, condition) for condition in zones if condition is not None]
        if descends:
            parts.reverse()
        if key.may_be_null and self._reaches_beyond(key):
            parts.append(Branch(Sql("job j"), None, TIE, self._without(key)))
        return tuple(parts)

    def by_state(self, states: Sequence[str] | None, beyond: Beyond, *, descends: bool) -> tuple[Branch, ...]:
        """The parts of the list by state, and within a state by the time of enqueuing."""
        wanted = sorted(STATES if states is None else set(states), reverse=descends)
        parts = self.by_time(ENQUEUED, beyond, descends=descends)
        return tuple(
            part._replace(condition=all_of([Sql("j.state = {}", state), part.condition]))
            for state in wanted
            for part in parts
        )

    def matches(self, beyond: Beyond) -> Sql:
        """A query with one row for each match; `beyond` is that of the time of enqueuing."""
        zones = (beyond.before, self.within(ENQUEUED), beyond.behind)
        found = [
            Sql("SELECT FROM job j WHERE {} AND {}", one, self.others) for one in zones if one is not None
        ]
        return joined(" UNION ALL ", found)

    def within(self, key: Key) -> Sql:
        """The condition on the jobs that match with their key in the range."""
        within = self._times.within(key.sql)
        return within if self.is_told_by(key) else all_of([within, self._times.condition])

    def is_told_by(self, key: Key) -> bool:
        """Whether every job with its key in the range has the times that are asked for."""
        return key.sql in self._times.fields and (not self._times.every or len(self._times.fields) == 1)

    def _reaches_beyond(self, key: Key) -> bool:
        """Whether jobs may match whose key lies outside of the range."""
        return key.sql not in self._times.fields or (not self._times.every and len(self._times.fields) > 1)

    def _all_beyond(self, key: Key) -> list[Sql]:
        """Queries for the jobs beyond the range, some of them twice: the id, and whether the key lies before the range."""
        select = "SELECT j.id, {} FROM job j WHERE {{}} AND {{}}"
        return [
            Sql(select.format("TRUE" if is_before else "FALSE"), among, self.where)
            for is_before, side in self._sides(key)
            for among in side
        ]

    def _beyond_unseen(self, key: Key) -> Beyond:
        """The jobs beyond the range, by conditions that find them anew."""
        sides = {is_before: self._is_found(among) for is_before, among in self._sides(key)}
        return Beyond(sides.get(True), sides.get(False))

    def _sides(self, key: Key) -> Iterator[tuple[bool, list[Sql]]]:
        """Before the range, and behind the range: conditions on the jobs that are near the range, and on the long jobs."""
        times, column = self._times, key.sql
        if not self._reaches_beyond(key):
            return
        if times.start is not None:
            near = Sql(f"{column} >= {{}} AND {column} < {{}}", times.start - LONG, times.start)
            yield True, self._near_or_long(near, Sql(f"{column} < {{}}", times.start))
        if times.end is not None:
            near = Sql(f"{column} >= {{}} AND {column} < {{}}", times.end, times.end + LONG)
            yield False, self._near_or_long(near, Sql(f"{column} >= {{}}", times.end))

    def _without(self, key: Key) -> Sql:
        """The jobs without the key."""
        times, lacks = self._times, Sql(f"{key.sql} IS NULL")
        since = TRUE if times.start is None else Sql("j.enqueued_time >= {}", times.start - LONG)
        until = TRUE if times.end is None else Sql("j.enqueued_time < {}", times.end + LONG)
        return self._is_found(self._near_or_long(all_of([lacks, since, until]), lacks))

    def _near_or_long(self, near: Sql, all_there: Sql) -> list[Sql]:
        """Conditions on the jobs in `near`, and on the long jobs in `all_there` that live in the range."""
        start, end = self._times.start, self._times.end
        until = end if start is None or end is None else max(start, end)
        lives = Sql(
            f"int8range({FIRST}, {LAST}, '[]') && int8range({{}}::bigint, {{}}::bigint)", start, until
        )
        return [near, all_of([IS_LONG, lives, all_there])]

    def _is_found(self, among: Sequence[Sql]) -> Sql:
        """The jobs that any of the conditions finds, and that match."""
        found = [Sql("SELECT j.id FROM job j WHERE {} AND {}", one, self.where) for one in among]
        return Sql(f"{TIE} = ANY (ARRAY({{}}))", joined(" UNION ALL ", found))


def _is_one_of(ids: set[UUID]) -> Sql | None:
    return Sql(f"{TIE} = ANY ({{}}::uuid[])", list(ids)) if ids else None
