"""How a worker did in the last days: the tasks that ended and that failed, by time, for a chart."""

from typing import NamedTuple
from uuid import UUID

import msgspec

from samplebank.accounts.caller import Caller
from samplebank.database import Connection, Sql
from samplebank.database.tally import HOUR
from samplebank.jobs.task_times import (
    EVERYBODY,
    KEPT,
    TEN_MINUTES,
    TIMES,
    WORKED_ON,
    Measure,
    of_caller,
)
from samplebank.timespec import Millis

#: how far back the history goes: with a bucket less than is kept, as the housekeeper forgets whole buckets
SPANS = (KEPT[0] - TEN_MINUTES, KEPT[1] - HOUR)
ASKED = f"""
    (level = {{level}}::int AND bucket >= {{since}} AND measure <> '{Measure.FAILED}'
     OR level = 1 AND bucket >= {{failed_since}} AND measure = '{Measure.FAILED}')
"""
# As in `task_times`: the changes of the last seconds are read beside the tally.
HISTORY = f"""
    WITH recent AS (
        SELECT -1 AS customer_id, c.worker_id, c.time, c.wait, c.service, c.state FROM task_times_change c
         WHERE {{of_change}} AND c.worker_id = {{worker}}::uuid
    ),
    sums AS (
        SELECT bucket, measure, n, ms FROM task_times t
         WHERE {{of_tally}} AND t.worker_id = {{worker}}::uuid AND {ASKED}
        UNION ALL
        SELECT bucket, measure, n, ms FROM ({TIMES.bucketed("recent")}) folded
         WHERE customer_id = {EVERYBODY} AND {ASKED}
    )
    SELECT bucket, measure, sum(n)::bigint, sum(ms)::bigint FROM sums GROUP BY bucket, measure
"""


class Ended(NamedTuple):
    """The tasks that ended in a bucket, and the milliseconds of all their waits and services."""

    number: int = 0
    wait: Millis = 0
    service: Millis = 0


class History(msgspec.Struct, frozen=True):
    """`ended` by the beginnings of buckets of `width` milliseconds, `failed` by the beginnings of hours; without empty ones.

    `since` and `failed_since` are the first beginnings.
    """

    width: Millis
    since: Millis
    ended: dict[Millis, Ended]
    failed_since: Millis
    failed: dict[Millis, int]


async def history_of(db: Connection, caller: Caller, worker: UUID, *, now: Millis) -> History:
    """How the worker did for the customers whose jobs the caller may see or work on.

    Hours are kept for the sum over all customers only. So a caller of some customers gets three hours by ten minutes.
    """
    level, width = (1, HOUR) if caller.scope(*WORKED_ON).everywhere else (0, TEN_MINUTES)
    since, failed_since = (now - SPANS[level]) // width * width, (now - SPANS[1]) // HOUR * HOUR
    whose = of_caller(caller)
    query = Sql(
        HISTORY,
        of_change=whose.changes,
        of_tally=whose.tally,
        worker=worker,
        level=level,
        since=since,
        failed_since=failed_since,
    )
    ended: dict[Millis, Ended] = {}
    failed: dict[Millis, int] = {}
    for bucket, measure, number, milliseconds in await query.rows(db):
        before = ended.get(bucket, Ended())
        if measure == Measure.FAILED:
            failed[bucket] = number
        elif measure == Measure.WAIT:
            ended[bucket] = before._replace(wait=milliseconds)
        else:
            ended[bucket] = before._replace(
                number=before.number + number, service=before.service + milliseconds
            )
    return History(width, since, ended, failed_since, failed)
