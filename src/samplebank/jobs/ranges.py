"""Jobs of a time range, in any order: the parts of such a list, each of which an index finds in order.

The three times of a job lie close together. So a job with any time in the range has every other time in the range, or
near one of its bounds, unless the job is one of the few *long* jobs, which have an index of their own.
"""

from collections.abc import Iterator, Sequence

from samplebank.database import TRUE, Sql, all_of, joined
from samplebank.database.ordering import Branch, Key
from samplebank.database.times import TimeRange
from samplebank.jobs.model import JobState

#: milliseconds between the first and the last time of a job, from which on the job is long; also in the index `job_long`
LONG = 3_600_000
SPAN = (
    "greatest(j.enqueued_time, j.start_time, j.end_time) - least(j.enqueued_time, j.start_time, j.end_time)"
)
IS_LONG = Sql(f"{SPAN} > {LONG}")
ENQUEUED = Key("j.enqueued_time", field="enqueued_time")
TIE = "j.id"
#: in the order of the database, which is that of the texts
STATES = tuple(sorted(JobState))


class Ranged:
    """Jobs `j` with times in a range, of which `others` holds as well. `where` is all that is asked for."""

    def __init__(self, times: TimeRange, others: Sql) -> None:
        self._times = times
        self.others = others
        self.where = all_of([times.condition, others])

    def by_time(self, key: Key, *, descends: bool) -> tuple[Branch, ...]:
        """The parts of the list by one of the times."""
        parts = [Branch(Sql("job j"), key, TIE, condition) for condition in self._zones(key)]
        if descends:
            parts.reverse()
        if key.may_be_null and self._reaches_beyond(key):
            parts.append(Branch(Sql("job j"), None, TIE, self._without(key)))
        return tuple(parts)

    def by_state(self, states: Sequence[str] | None, *, descends: bool) -> tuple[Branch, ...]:
        """The parts of the list by state, and within a state by the time of enqueuing."""
        wanted = sorted(STATES if states is None else set(states), reverse=descends)
        parts = self.by_time(ENQUEUED, descends=descends)
        return tuple(
            part._replace(condition=all_of([Sql("j.state = {}", state), part.condition]))
            for state in wanted
            for part in parts
        )

    @property
    def matches(self) -> Sql:
        """A query with one row for each match."""
        if len(self._times.fields) == 1:
            return Sql("SELECT FROM job j WHERE {}", self.where)
        zones = [
            Sql("SELECT FROM job j WHERE {} AND {}", zone, self.others) for zone in self._zones(ENQUEUED)
        ]
        return joined(" UNION ALL ", zones)

    def _zones(self, key: Key) -> Iterator[Sql]:
        """Conditions on the jobs before the range, in the range, and behind it, by the key."""
        times, column = self._times, key.sql
        reaches_beyond = self._reaches_beyond(key)
        if reaches_beyond and times.start is not None:
            near = Sql(f"{column} >= {{}} AND {column} < {{}}", times.start - LONG, times.start)
            yield self._found(near, Sql(f"{column} < {{}}", times.start))
        within = times.within(column)
        is_enough = column in times.fields and not times.every
        yield within if is_enough else all_of([within, times.condition])
        if reaches_beyond and times.end is not None:
            near = Sql(f"{column} >= {{}} AND {column} < {{}}", times.end, times.end + LONG)
            yield self._found(near, Sql(f"{column} >= {{}}", times.end))

    def _reaches_beyond(self, key: Key) -> bool:
        """Whether jobs may match whose key lies outside of the range."""
        return key.sql not in self._times.fields or (not self._times.every and len(self._times.fields) > 1)

    def _without(self, key: Key) -> Sql:
        """The jobs without the key."""
        times, lacks = self._times, Sql(f"{key.sql} IS NULL")
        since = TRUE if times.start is None else Sql("j.enqueued_time >= {}", times.start - LONG)
        until = TRUE if times.end is None else Sql("j.enqueued_time < {}", times.end + LONG)
        return self._found(all_of([lacks, since, until]), lacks)

    def _found(self, near: Sql, all_there: Sql) -> Sql:
        """The jobs that match: of those in `near`, and of the long jobs in `all_there`."""
        among = [all_of([near, self.where]), all_of([IS_LONG, all_there, self.where])]
        found = joined(" UNION ALL ", [Sql("SELECT j.id FROM job j WHERE {}", one) for one in among])
        return Sql(f"{TIE} = ANY (ARRAY({{}}))", found)
