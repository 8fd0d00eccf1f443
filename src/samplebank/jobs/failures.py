"""Tasks that failed, by cause: how many, since when, of which workers, with examples."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec

from samplebank.accounts.access import see_customers
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Columns, Connection, Sql, all_of
from samplebank.jobs.causes import LONGEST_MESSAGE, cause_of
from samplebank.timespec import Millis

#: the newest failures that are looked at, and the most causes that are told
MOST, MOST_CAUSES = 10_000, 200
EXAMPLES = 3
TIMED_OUT = "timeout"
#: the most messages that are folded here: the work must not hold up other requests
MOST_FOLDED = 2_000
#: failures of which the worker has another task of the same sample by now
TRIED_AGAIN = """
    EXISTS (SELECT FROM job_task later WHERE later.sample_id = newest.sample_id AND later.worker_id = newest.worker_id
                                         AND later.enqueued_time > newest.enqueued_time)
"""
# A job that carries an ended job on has copies of the ended tasks. A copy is older than the job, and is no other failure. The
# subquery in parentheses leaves the planner the id of the job only.
NO_COPY = "t.enqueued_time >= (SELECT j.enqueued_time FROM job j WHERE j.id = t.job_id)"


def _grouped(columns: str) -> str:
    """A query that puts the newest failures together.

    Messages that differ in numbers and hashes only are put together by the database, so that few messages are folded here.
    The index of failures has the newest first.
    """
    return f"""
        WITH newest AS MATERIALIZED (
            SELECT t.job_id, t.sample_id, t.worker_id, t.worker, t.state, left(t.message, {LONGEST_MESSAGE}) AS message,
                   t.enqueued_time, t.end_time
              FROM job_task t
             WHERE t.state IN ('failed', 'timeout') AND {{}} AND {NO_COPY} ORDER BY t.end_time DESC LIMIT {MOST}
        )
        SELECT {columns} FROM newest
         GROUP BY worker, state, regexp_replace(message, '\\m[0-9a-fA-F]*[0-9][0-9a-fA-F]*\\M', '0', 'g')
         ORDER BY count(*) DESC, max(end_time) DESC, worker, state, max(message) LIMIT {MOST_FOLDED}
    """


SAMPLES = _grouped(f"state, max(message), array_agg(DISTINCT sample_id) FILTER (WHERE NOT {TRIED_AGAIN})")


class Failure(NamedTuple):
    """Failures of a worker with the same message. `jobs` are examples, the newest first."""

    worker: str
    state: str
    message: str | None
    number: int
    first: Millis
    last: Millis
    jobs: Sequence[UUID]


FAILURE = Columns(
    Failure,
    worker="worker",
    state="state",
    message="max(message)",
    number="count(*)",
    first="min(end_time)",
    last="max(end_time)",
    jobs=f"(array_agg(job_id ORDER BY end_time DESC))[1:{EXAMPLES}]",
)
FAILED = _grouped(f"""
    {FAILURE.sql}, (SELECT count(*) FROM newest) AS looked_at, (SELECT min(end_time) FROM newest) AS oldest
""")


class FailuresByCause(msgspec.Struct, frozen=True):
    """Failures with the same cause. `workers` tell how many of the failures are theirs."""

    cause: str
    timed_out: bool
    count: int
    first: Millis
    last: Millis
    workers: dict[str, int]
    jobs: Sequence[UUID]

    @property
    def key(self) -> str:
        """A short name of the cause, for addresses and forms."""
        return key_of(self.cause, timed_out=self.timed_out)


class Failures(msgspec.Struct, frozen=True):
    """The causes, the most frequent first. Where there are more failures than were looked at, `since` is the oldest looked at."""

    causes: Sequence[FailuresByCause]
    number: int
    since: Millis
    is_complete: bool


async def failures(db: Connection, caller: Caller, *, since: Millis) -> Failures:
    """Fold the failures from `since` on, in jobs that the caller may see. The newest failures are looked at."""
    rows = await Sql(FAILED, _seen(caller, since)).rows(db)
    number, oldest = (rows[0]["looked_at"], rows[0]["oldest"]) if rows else (0, since)
    is_complete = number < MOST
    causes = by_cause(FAILURE.read(row[: FAILURE.width]) for row in rows)
    return Failures(causes, number, since if is_complete else oldest, is_complete)


async def untried_samples(db: Connection, caller: Caller, key: str, *, since: Millis) -> set[int]:
    """The samples of the failures with the cause `key` that no later task has tried again, in jobs that the caller may see."""
    rows = await Sql(SAMPLES, _seen(caller, since)).rows(db)
    return {
        sample
        for state, message, samples in rows
        if samples and key_of(cause_of(message), timed_out=state == TIMED_OUT) == key
        for sample in samples
    }


def key_of(cause: str, *, timed_out: bool) -> str:
    return hashlib.sha256(f"{timed_out} {cause}".encode("utf-8", "replace")).hexdigest()[:16]


def _seen(caller: Caller, since: Millis) -> Sql:
    customers = see_customers(caller, "t.customer_id", Permission.VIEW_JOBS)
    return all_of([Sql("t.end_time >= {}", since), customers])


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
        timed_out=same[0].state == TIMED_OUT,
        count=workers.total(),
        first=min(failure.first for failure in same),
        last=newest[0].last,
        workers=dict(sorted(workers.items())),
        jobs=list(jobs)[:EXAMPLES],
    )
