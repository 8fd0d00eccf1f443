"""What the sweeper looks for: jobs that are too old, and leases that have ended. Many may sweep at once."""

from collections.abc import Sequence
from uuid import UUID

from samplebank.database import Connection, Statement
from samplebank.jobs.claims import Held
from samplebank.jobs.model import JobRules
from samplebank.timespec import Millis

#: jobs or leases that one look finds
BATCH = 100
OVERDUE = """
    SELECT id FROM job WHERE state = 'enqueued' AND enqueued_time <= $1
    UNION ALL
    SELECT id FROM job WHERE state = 'executing' AND (start_time <= $2 OR enqueued_time <= $1)
    LIMIT $3
"""
TIME_OUT_TASKS = """
    UPDATE job_task SET state = 'timeout', end_time = $2, lease_token = NULL, lease_until = NULL,
           message = coalesce(message, array_to_string(reasons || 'The job took too long.'::text, ' '))
     WHERE job_id = $1 AND end_time IS NULL
"""
IS_OVERDUE = """
    SELECT EXISTS (SELECT FROM job WHERE id = $1 AND end_time IS NULL AND (enqueued_time <= $2 OR start_time <= $3))
"""
ENDED_LEASES = "SELECT id, job_id FROM job_task WHERE lease_until <= $1 ORDER BY lease_until LIMIT $2"
GIVE_BACK_ENDED = Statement("""
    WITH
    -- Jobs before tasks, as everybody locks them. A job that somebody else has locked waits for the next sweep.
    held AS MATERIALIZED (
        SELECT id FROM job WHERE id = ANY(:job_ids::uuid[]) ORDER BY id FOR UPDATE SKIP LOCKED
    )
    UPDATE job_task t SET state = 'enqueued', lease_token = NULL, lease_until = NULL, run_after = :now,
           reasons = reasons || ('Attempt ' || attempt || ': ' || :reason::text)
      FROM held
     WHERE t.id = ANY(:task_ids::uuid[]) AND t.job_id = held.id AND t.lease_until <= :now AND t.attempt < :attempts
    RETURNING t.id
""")
LEASE_ENDED = "The lease ended without a result."
LOCK_ENDED = """
    SELECT id, job_id, attempt, reasons, worker_id FROM job_task WHERE id = $1 AND lease_until <= $2 FOR UPDATE
"""


async def overdue_jobs(db: Connection, rules: JobRules, *, now: Millis) -> list[UUID]:
    """A batch of jobs that have waited or run too long by `now`."""
    rows = await db.fetch(OVERDUE, now - rules.longest_wait, now - rules.longest_run, BATCH)
    return [row[0] for row in rows]


async def is_overdue(db: Connection, job_id: UUID, rules: JobRules, *, now: Millis) -> bool:
    """Asked again once the job is locked, as it may have ended meanwhile."""
    overdue: bool = await db.fetchval(IS_OVERDUE, job_id, now - rules.longest_wait, now - rules.longest_run)
    return overdue


async def time_out_tasks(db: Connection, job_id: UUID, *, now: Millis) -> None:
    """End what is open of a locked job."""
    await db.execute(TIME_OUT_TASKS, job_id, now)


async def ended_leases(db: Connection, *, now: Millis) -> list[tuple[UUID, UUID]]:
    """(task, job) of leases that ended, oldest first."""
    return [(row[0], row[1]) for row in await db.fetch(ENDED_LEASES, now, BATCH)]


async def give_back_ended(
    db: Connection, ended: Sequence[tuple[UUID, UUID]], rules: JobRules, *, now: Millis
) -> list[UUID]:
    """Put the tasks of `ended` leases back into the queue that have attempts left; answers these tasks."""
    rows = await GIVE_BACK_ENDED.rows(
        db,
        task_ids=[task for task, _ in ended],
        job_ids=[job for _, job in ended],
        attempts=rules.max_attempts,
        reason=LEASE_ENDED,
        now=now,
    )
    return [row[0] for row in rows]


async def find_ended_lease(db: Connection, task_id: UUID, *, now: Millis) -> Held | None:
    """The task, locked, if its lease has still ended; its job is locked already."""
    row = await db.fetchrow(LOCK_ENDED, task_id, now)
    return None if row is None else Held(*row)
