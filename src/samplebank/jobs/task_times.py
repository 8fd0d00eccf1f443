"""How long tasks wait and take, and how many fail: by customer and worker, in buckets of time.

A trigger notes each task that ends, and the housekeeper folds the notes, as of a tally. So the figures are exact at any
moment. Work that was done stays counted when the sample is deleted.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from samplebank.accounts.access import see_customers
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import TRUE, Connection, Sql, Statement
from samplebank.database.tally import HOUR, Tally
from samplebank.timespec import Millis

#: milliseconds of the buckets by level, and for how long the buckets are kept
TEN_MINUTES = 600_000
LEVELS = f"(VALUES (0, {TEN_MINUTES}::bigint), (1, {HOUR})) levels (level, width)"
KEPT = (3 * HOUR, 49 * HOUR)
#: the customer of the sum over all customers
EVERYBODY = 0
#: the most changes folded at once
MOST_FOLDED = 20_000
#: bits of the longest time told apart: half a year
MOST_BITS = 34
#: the permissions that show the work on a customer's tasks
WORKED_ON = (Permission.VIEW_JOBS, Permission.UPDATE_JOB, Permission.WORK_ON_CLAIMS)


class Measure(StrEnum):
    """What is measured of a task that a worker has ended. `FAILED` has the tasks that timed out, too."""

    WAIT = "wait"
    SERVICE = "service"
    #: a task without a start has no times
    UNSTARTED = "unstarted"
    FAILED = "failed"


def _bits(column: str) -> str:
    """An expression: the number of bits of a number of milliseconds."""
    return f"least(length(ltrim(({column})::bit(63)::text, '0')), {MOST_BITS})"


# A task that times out was not ended by a worker, so the task counts as failed only.
MEASURED = f"""
    (SELECT '{Measure.WAIT}', {_bits("c.wait")}, c.wait WHERE c.state <> 'timeout' AND c.wait IS NOT NULL
      UNION ALL
     SELECT '{Measure.SERVICE}', {_bits("c.service")}, c.service WHERE c.state <> 'timeout' AND c.service IS NOT NULL
      UNION ALL
     SELECT '{Measure.UNSTARTED}', 0, 0 WHERE c.state <> 'timeout' AND c.service IS NULL
      UNION ALL
     SELECT '{Measure.FAILED}', 0, 0 WHERE c.state IN ('failed', 'timeout')
    ) measured (measure, size, ms)
"""


class TaskTimes(Tally):
    """The tally of the times of tasks. `size` is the number of bits of the time: 10 for 512 to 1,023 milliseconds."""

    sums = ("n", "ms")

    def __init__(self) -> None:
        super().__init__("task_times", "customer_id", "level", "bucket", "worker_id", "measure", "size")

    def _taken(self) -> str:
        """As many changes as are folded in a moment: after a long absence of the housekeeper there may be very many."""
        some = f"SELECT ctid FROM {self.changes} LIMIT {MOST_FOLDED}"
        return f"DELETE FROM {self.changes} WHERE ctid = ANY (ARRAY({some})) RETURNING *"

    def _folded(self) -> str:
        return self.bucketed("changes")

    def bucketed(self, changes: str) -> str:
        """A query for the buckets of `changes`, by customer and for all customers.

        The changes of ten minutes are summed up first, so that the rest of the work is little. Of a single customer, only
        the failures are kept by the hour.
        """
        return f"""
            SELECT coalesce(customer_id, {EVERYBODY}) AS customer_id, level, time / width * width AS bucket, worker_id, measure,
                   size, sum(n)::bigint AS n, sum(ms)::bigint AS ms
              FROM (SELECT c.customer_id, c.worker_id, c.time / {TEN_MINUTES} * {TEN_MINUTES} AS time, measure, size,
                           count(*) AS n, sum(ms) AS ms
                      FROM {changes} c CROSS JOIN LATERAL {MEASURED}
                     GROUP BY c.customer_id, c.worker_id, c.time / {TEN_MINUTES}, measure, size) summed
             CROSS JOIN {LEVELS}
             GROUP BY GROUPING SETS ((customer_id, level, bucket, worker_id, measure, size),
                                     (level, bucket, worker_id, measure, size))
            HAVING level = 0 OR measure = '{Measure.FAILED}' OR GROUPING(customer_id) = 1
        """


TIMES = TaskTimes()
FORGET = Statement("DELETE FROM task_times WHERE level = :level AND bucket < :before")
#: the tasks of the last hour, and the failures of the last day
ASKED = (
    f"(level = 0 AND bucket >= {{hour}} OR level = 1 AND bucket >= {{day}} AND measure = '{Measure.FAILED}')"
)
# The changes are read unfolded: a few seconds of changes, as if of a single customer.
SUMS = f"""
    WITH recent AS (
        SELECT -1 AS customer_id, c.worker_id, c.time, c.wait, c.service, c.state FROM task_times_change c
         WHERE {{of_change}} AND c.time >= {{day}}
    ),
    sums AS (
        SELECT level, worker_id, measure, size, n, ms FROM task_times t WHERE {{of_tally}} AND {ASKED}
        UNION ALL
        SELECT level, worker_id, measure, size, n, ms FROM ({TIMES.bucketed("recent")}) folded
         WHERE customer_id = {EVERYBODY} AND {ASKED}
    )
    SELECT worker_id, level, measure, size, sum(n)::bigint, sum(ms)::bigint FROM sums
     GROUP BY worker_id, level, measure, size
"""


class Times(NamedTuple):
    """How long tasks took, together, and the numbers of tasks by the bits of their milliseconds."""

    total: Millis
    numbers: Mapping[int, int]

    @property
    def mean(self) -> Millis | None:
        number = sum(self.numbers.values())
        return self.total // number if number else None

    def quantile(self, part: float) -> Millis | None:
        """The time below which `part` of the times lie, off by up to a factor of 2. None for no times.

        Within the times of equally many bits, times count as evenly spread.
        """
        left = part * sum(self.numbers.values())
        for bits in sorted(self.numbers):
            if left <= self.numbers[bits]:
                least = 1 << (bits - 1) if bits else 0
                return least + round(left / self.numbers[bits] * max(least - 1, 0))
            left -= self.numbers[bits]
        return None


NO_TIMES = Times(0, {})


class Service(NamedTuple):
    """How a worker did in the last hour, of `span` milliseconds, and how many tasks failed in the last day."""

    span: Millis
    ended: int = 0
    failed_day: int = 0
    waits: Times = NO_TIMES
    services: Times = NO_TIMES

    @property
    def rate(self) -> float:
        """The number of tasks that end a minute."""
        return 60_000 * self.ended / self.span

    @property
    def at_work(self) -> float:
        """How many tasks were under way at the same time, on average."""
        return self.services.total / self.span


class Whose(NamedTuple):
    """The customers whose tasks count, as conditions on rows `t` of the tally and on changes `c`."""

    tally: Sql
    changes: Sql


def of_everybody() -> Whose:
    return Whose(Sql(f"t.customer_id = {EVERYBODY}"), TRUE)


def of_customer(customer_id: int) -> Whose:
    return Whose(Sql("t.customer_id = {}", customer_id), Sql("c.customer_id = {}", customer_id))


def of_caller(caller: Caller) -> Whose:
    """The customers whose jobs the caller may see or work on."""
    changes = see_customers(caller, "c.customer_id", *WORKED_ON)
    if caller.scope(*WORKED_ON).everywhere:
        return Whose(Sql(f"t.customer_id = {EVERYBODY}"), changes)
    return Whose(see_customers(caller, "t.customer_id", *WORKED_ON), changes)


async def services(db: Connection, whose: Whose, *, now: Millis) -> dict[UUID, Service]:
    """Sum up how each worker did. A worker that did nothing is missing.

    The hour begins with a bucket, so the hour has up to ten minutes more. The day has up to an hour more.
    """
    hour, day = (now - HOUR) // TEN_MINUTES * TEN_MINUTES, (now - 24 * HOUR) // HOUR * HOUR
    query = Sql(SUMS, of_tally=whose.tally, of_change=whose.changes, hour=hour, day=day)
    found: dict[UUID, dict[tuple[int, str], Times]] = {}
    for worker, level, measure, size, n, ms in await query.rows(db):
        sums = found.setdefault(worker, {})
        before = sums.get((level, measure), NO_TIMES)
        sums[level, measure] = Times(before.total + ms, {**before.numbers, size: n})
    return {worker: _service(max(now - hour, 1), sums) for worker, sums in found.items()}


def _service(span: Millis, sums: Mapping[tuple[int, str], Times]) -> Service:
    def times(measure: Measure, level: int = 0) -> Times:
        return sums.get((level, measure), NO_TIMES)

    def number(measure: Measure, level: int = 0) -> int:
        return sum(times(measure, level).numbers.values())

    return Service(
        span,
        ended=number(Measure.SERVICE) + number(Measure.UNSTARTED),
        failed_day=number(Measure.FAILED, 1),
        waits=times(Measure.WAIT),
        services=times(Measure.SERVICE),
    )


async def forget_times(db: Connection, *, now: Millis) -> None:
    """Forget buckets that nobody asks for any more."""
    for level, kept in enumerate(KEPT):
        await FORGET.run(db, level=level, before=now - kept)
