"""Tasks that failed, by cause: how many, since when, of which workers, with examples."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec

from samplebank.accounts.access import see_customers
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Sql, all_of
from samplebank.jobs.causes import LONGEST_MESSAGE, cause_of
from samplebank.timespec import Millis

#: the newest failures that are looked at, and the most causes that are told
MOST, MOST_CAUSES = 10_000, 200
EXAMPLES = 3
#: the most messages that are folded here: the work must not hold up other requests
MOST_FOLDED = 2_000
# Messages that differ in numbers and hashes only are put together by the database, so that few messages are folded here.
# The index of failures has the newest first.
FAILED = f"""
    WITH newest AS MATERIALIZED (
        SELECT t.job_id, t.worker, t.state, left(t.message, {LONGEST_MESSAGE}) AS message, t.end_time FROM job_task t
         WHERE t.state IN ('failed', 'timeout') AND {{}} ORDER BY t.end_time DESC LIMIT {MOST}
    )
    SELECT worker, state, max(message), count(*), min(end_time), max(end_time),
           (array_agg(job_id ORDER BY end_time DESC))[1:{EXAMPLES}], (SELECT count(*) FROM newest),
           (SELECT min(end_time) FROM newest)
      FROM newest
     GROUP BY worker, state, regexp_replace(message, '\\m[0-9a-fA-F]*[0-9][0-9a-fA-F]*\\M', '0', 'g')
     ORDER BY count(*) DESC, max(end_time) DESC LIMIT {MOST_FOLDED}
"""


class Failure(NamedTuple):
    """Failures of a worker with the same message. `jobs` are examples, the newest first."""

    worker: str
    state: str
    message: str | None
    number: int
    first: Millis
    last: Millis
    jobs: Sequence[UUID]


class FailuresByCause(msgspec.Struct, frozen=True):
    """Failures with the same cause. `workers` tell how many of the failures are theirs."""

    cause: str
    timed_out: bool
    count: int
    first: Millis
    last: Millis
    workers: dict[str, int]
    jobs: Sequence[UUID]


class Failures(msgspec.Struct, frozen=True):
    """The causes, the most frequent first. Where there are more failures than were looked at, `since` is the oldest looked at."""

    causes: Sequence[FailuresByCause]
    number: int
    since: Millis
    is_complete: bool


async def failures(db: Connection, caller: Caller, *, since: Millis) -> Failures:
    """Fold the failures from `since` on, in jobs that the caller may see. The newest failures are looked at."""
    seen = [
        Sql("t.end_time >= {}", since),
        see_customers(caller, "t.customer_id", Permission.VIEW_JOBS),
    ]
    rows = [tuple(row) for row in await Sql(FAILED, all_of(seen)).rows(db)]
    number, oldest = rows[0][-2:] if rows else (0, since)
    is_complete = number < MOST
    causes = by_cause(Failure(*row[:-2]) for row in rows)
    return Failures(causes, number, since if is_complete else oldest, is_complete)


def by_cause(found: Iterable[Failure]) -> list[FailuresByCause]:
    """Put failures with the same cause together, the most frequent cause first."""
    together: dict[tuple[str, str], list[Failure]] = {}
    for failure in found:
        key = (cause_of(failure.message), failure.state)
        together.setdefault(key, []).append(failure)
    causes = [_sum(cause, same) for (cause, _), same in together.items()]
    return sorted(causes, key=lambda one: (-one.count, -one.last, one.cause))[:MOST_CAUSES]


def _sum(cause: str, same: Sequence[Failure]) -> FailuresByCause:
    workers: Counter[str] = Counter()
    for failure in same:
        workers[failure.worker] += failure.number
    newest = sorted(same, key=lambda failure: -failure.last)
    jobs = dict.fromkeys(job for failure in newest for job in failure.jobs)
    return FailuresByCause(
        cause=cause,
        timed_out=same[0].state == "timeout",
        count=workers.total(),
        first=min(failure.first for failure in same),
        last=newest[0].last,
        workers=dict(sorted(workers.items())),
        jobs=list(jobs)[:EXAMPLES],
    )
