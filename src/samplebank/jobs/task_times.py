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
from samplebank.database import Connection, Sql, Statement
from samplebank.database.tally import HOUR, Tally
from samplebank.timespec import Millis

#: milliseconds of the buckets by level, and for how long the buckets are kept
TEN_MINUTES = 600_000
LEVELS = f"(VALUES (0, {TEN_MINUTES}::bigint), (1, {HOUR})) levels (level, width)"
KEPT = (3 * HOUR, 49 * HOUR)
#: the customer of the sum over all customers
EVERYBODY = 0
#: bits of the longest time that is told apart: half a year
MOST_BITS = 34
#: the permissions that show the work on a customer's tasks
WORKED_ON = (Permission.VIEW_JOBS, Permission.UPDATE_JOB, Permission.WORK_ON_CLAIMS)


class Measure(StrEnum):
    """`size` tells times apart by their bits: the times from 2^(size-1) to 2^size milliseconds. Else `size` is 0."""

    ENDED = "ended"
    FAILED = "failed"
    WAIT = "wait"
    WAIT_SUM = "waitSum"
    SERVICE = "service"
    SERVICE_SUM = "serviceSum"


def _bits(column: str) -> str:
    """An expression: the number of bits of a number of milliseconds."""
    return f"least(length(ltrim(({column})::bit(63)::text, '0')), {MOST_BITS})"


# A task that times out has not been served, so the task counts as failed only.
MEASURED = f"""
    (VALUES ('{Measure.ENDED}', 0, CASE WHEN state <> 'timeout' THEN 1 END::bigint),
            ('{Measure.FAILED}', 0, CASE WHEN state IN ('failed', 'timeout') THEN 1 END::bigint),
            ('{Measure.WAIT}', {_bits("wait")}, CASE WHEN state <> 'timeout' AND wait IS NOT NULL THEN 1 END::bigint),
            ('{Measure.WAIT_SUM}', 0, CASE WHEN state <> 'timeout' THEN wait END),
            ('{Measure.SERVICE}', {_bits("service")}, CASE WHEN state <> 'timeout' AND service IS NOT NULL THEN 1 END::bigint),
            ('{Measure.SERVICE_SUM}', 0, CASE WHEN state <> 'timeout' THEN service END)
    ) measured (measure, size, n)
"""


class TaskTimes(Tally):
    """The tally of the times of tasks."""

    def __init__(self) -> None:
        super().__init__("task_times", "customer_id", "level", "bucket", "worker_id", "measure", "size")

    def _folded(self) -> str:
        return self.bucketed("changes")

    def bucketed(self, changes: str) -> str:
        """A query for the buckets of `changes`, with every level, by customer and for all customers.

        The changes of ten minutes are summed up first, so that the rest of the work is little.
        """
        return f"""
            SELECT coalesce(customer_id, {EVERYBODY}) AS customer_id, level, time / width * width AS bucket, worker_id, measure,
                   size, sum(n) AS n
              FROM (SELECT c.customer_id, c.worker_id, c.time / {TEN_MINUTES} * {TEN_MINUTES} AS time, measure, size,
                           sum(measured.n) AS n
                      FROM {changes} c CROSS JOIN LATERAL {MEASURED} WHERE measured.n IS NOT NULL
                     GROUP BY c.customer_id, c.worker_id, c.time / {TEN_MINUTES}, measure, size) summed
             CROSS JOIN {LEVELS}
             GROUP BY GROUPING SETS ((customer_id, level, bucket, worker_id, measure, size),
                                     (level, bucket, worker_id, measure, size))
        """


TIMES = TaskTimes()
FORGET = Statement("DELETE FROM task_times WHERE level = :level AND bucket < :before")
# The notes are read as they are, a few seconds of them. Each bucket of ten minutes lies in one bucket of an hour.
SUMS = f"""
    WITH recent AS (SELECT * FROM task_times_change c WHERE {{of_change}} AND c.time >= {{day}}),
    sums AS (
        SELECT level, bucket, worker_id, measure, size, n FROM task_times t
         WHERE {{of_tally}} AND (level = 0 AND bucket >= {{hour}} OR level = 1 AND bucket >= {{day}} AND measure = 'failed')
        UNION ALL
        SELECT level, bucket, worker_id, measure, size, n FROM ({TIMES.bucketed("recent")}) folded
         WHERE customer_id = {EVERYBODY} AND (level = 0 AND bucket >= {{hour}} OR level = 1 AND measure = 'failed')
    )
    SELECT worker_id, level, measure, size, sum(n)::bigint FROM sums GROUP BY worker_id, level, measure, size
"""


class Service(NamedTuple):
    """How a worker did in the last hour, of `span` milliseconds, and how many tasks failed in the last day.

    `waits` and `services` are numbers of tasks by the bits of the time in milliseconds.
    """

    span: Millis
    ended: int = 0
    failed: int = 0
    failed_day: int = 0
    wait_sum: Millis = 0
    service_sum: Millis = 0
    waits: Mapping[int, int] = {}
    services: Mapping[int, int] = {}

    @property
    def rate(self) -> float:
        """The number of tasks that end a minute."""
        return 60_000 * self.ended / self.span

    @property
    def at_work(self) -> float:
        """How many tasks were under way at the same time, on average."""
        return self.service_sum / self.span

    @property
    def mean_wait(self) -> Millis | None:
        number = sum(self.waits.values())
        return self.wait_sum // number if number else None

    @property
    def mean_service(self) -> Millis | None:
        number = sum(self.services.values())
        return self.service_sum // number if number else None


class Whose(NamedTuple):
    """The customers whose tasks count, as conditions on rows `t` of the tally and on changes `c`."""

    tally: Sql
    changes: Sql


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
    found: dict[UUID, dict[tuple[int, str, int], int]] = {}
    for worker, level, measure, size, n in await query.rows(db):
        found.setdefault(worker, {})[level, measure, size] = n
    return {worker: _service(max(now - hour, 1), sums) for worker, sums in found.items()}


def _service(span: Millis, sums: Mapping[tuple[int, str, int], int]) -> Service:
    def total(measure: Measure, level: int = 0) -> int:
        return sums.get((level, measure, 0), 0)

    def by_size(wanted: Measure) -> dict[int, int]:
        return {size: n for (_, measure, size), n in sums.items() if measure == wanted}

    return Service(
        span,
        ended=total(Measure.ENDED),
        failed=total(Measure.FAILED),
        failed_day=total(Measure.FAILED, 1),
        wait_sum=total(Measure.WAIT_SUM),
        service_sum=total(Measure.SERVICE_SUM),
        waits=by_size(Measure.WAIT),
        services=by_size(Measure.SERVICE),
    )


async def forget_times(db: Connection, *, now: Millis) -> None:
    """Forget buckets that nobody asks for any more."""
    for level, kept in enumerate(KEPT):
        await FORGET.run(db, level=level, before=now - kept)


def quantile(numbers: Mapping[int, int], part: float) -> Millis | None:
    """The time below which `part` of the times lie. Within the times of equally many bits, times count as evenly spread.

    None for no times. The answer is at most twice, and at least half of the exact one.
    """
    left = part * sum(numbers.values())
    for bits in sorted(numbers):
        if left <= numbers[bits]:
            least = 1 << (bits - 1) if bits else 0
            return least + round(left / numbers[bits] * (max(least, 1) - (0 if bits else 1)))
        left -= numbers[bits]
    return None
