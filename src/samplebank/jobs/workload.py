"""The work of each worker: how many tasks wait, since when, and when the worker was last seen."""

from collections.abc import Collection
from uuid import UUID

import msgspec

from samplebank.accounts.access import see_customers
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Sql
from samplebank.timespec import Millis

# Each half reads one small index: the index of waiting tasks, and the index of leases.
WORKLOADS = """
    WITH waiting AS (
        SELECT t.worker_id, count(*) AS tasks, min(t.enqueued_time) AS since
          FROM job_task t WHERE t.state = 'enqueued' AND {} GROUP BY t.worker_id
    ), executing AS (
        SELECT t.worker_id, count(*) AS tasks
          FROM job_task t WHERE t.lease_until IS NOT NULL AND {} GROUP BY t.worker_id
    )
    SELECT w.id AS worker_id, w.short_name, coalesce(w.names ->> 'english', w.short_name) AS name,
           coalesce(w.descriptions ->> 'english', '') AS description, seen.seen_time,
           coalesce(waiting.tasks, 0) AS waiting, waiting.since AS waiting_since, coalesce(executing.tasks, 0) AS executing
      FROM worker w LEFT JOIN worker_seen seen ON seen.worker_id = w.id
      LEFT JOIN waiting ON waiting.worker_id = w.id LEFT JOIN executing ON executing.worker_id = w.id
     WHERE w.deleted_time IS NULL ORDER BY w.short_name
"""
SEEN = "SELECT worker_id, seen_time FROM worker_seen WHERE worker_id = ANY($1)"


class Workload(msgspec.Struct, frozen=True):
    """The work of a worker. `seen_time` is None when the worker has never asked for work since the registration."""

    worker_id: UUID
    short_name: str
    name: str
    description: str
    seen_time: Millis | None
    waiting: int
    waiting_since: Millis | None
    executing: int


async def workloads(db: Connection, caller: Caller) -> list[Workload]:
    """Sum up the work of each worker, for the customers whose jobs the caller may see or work on."""
    visible = see_customers(
        caller,
        "t.customer_id",
        Permission.VIEW_JOBS,
        Permission.UPDATE_JOB,
        Permission.WORK_ON_CLAIMS,
    )
    return [Workload(**row) for row in await Sql(WORKLOADS, visible, visible).rows(db)]


async def last_seen(db: Connection, workers: Collection[UUID]) -> dict[UUID, Millis]:
    """Get the time at which each of the workers was last seen. A worker never seen is missing."""
    return {row[0]: row[1] for row in await db.fetch(SEEN, list(workers))}
