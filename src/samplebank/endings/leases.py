"""The ends of leases: a worker gives a task back, or has been silent for too long. Many processes may sweep at once."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from samplebank.database import Connection, Statement
from samplebank.jobs import held_tasks
from samplebank.jobs.held_tasks import HeldTask
from samplebank.jobs.model import JobRules, JobState
from samplebank.jobs.progress import OpenJob, give_task_up, lock_job
from samplebank.timespec import Millis
from samplebank.verdicts.ruling import EndedJob, rule

#: the most leases found by one look
BATCH = 100
ENDED_LEASES = "SELECT id, job_id FROM job_task WHERE lease_until <= $1 ORDER BY lease_until LIMIT $2"
GIVE_BACK_ENDED = Statement("""
    WITH
    -- Jobs are locked before tasks, as everywhere. A job that somebody else has locked is left to the next sweep.
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


class Release(msgspec.Struct, frozen=True):
    """The request of a worker that gives a task back. Another attempt may begin after `delay` milliseconds.

    An attempt that does not count leaves no trace: a worker that is told to stop says nothing of the task.
    """

    token: UUID
    reason: str
    delay: Millis
    counts: bool = True


async def release_task(
    db: Connection, job_id: UUID, task_id: str, release: Release, rules: JobRules, *, now: Millis
) -> bool:
    """Give a claimed task back for another attempt; after the last attempt, let the task fail. Whether the job ended."""
    job = await lock_job(db, job_id)
    held = await held_tasks.hold(db, task_id, release.token)
    if not release.counts:
        await held_tasks.give_back_uncounted(db, held, now + release.delay)
        return False
    return await _give_up(db, job, held, rules, reason=release.reason, run_after=now + release.delay, now=now)


async def take_back(db: Connection, job_id: UUID, task_id: UUID, rules: JobRules, *, now: Millis) -> bool:
    """Take back a task whose lease has ended. Whether the job ended, too."""
    job = await lock_job(db, job_id)
    held = await find_ended_lease(db, task_id, now=now)
    if held is None:
        return False
    return await _give_up(db, job, held, rules, reason=LEASE_ENDED, run_after=now, now=now)


async def ended_leases(db: Connection, *, now: Millis) -> list[tuple[UUID, UUID]]:
    """Find ended leases, oldest first: (task, job)."""
    return [(row[0], row[1]) for row in await db.fetch(ENDED_LEASES, now, BATCH)]


async def give_back_ended(
    db: Connection, ended: Sequence[tuple[UUID, UUID]], rules: JobRules, *, now: Millis
) -> list[UUID]:
    """Put tasks of `ended` leases back into the queue, if attempts are left; answers the tasks put back."""
    rows = await GIVE_BACK_ENDED.rows(
        db,
        task_ids=[task for task, _ in ended],
        job_ids=[job for _, job in ended],
        attempts=rules.max_attempts,
        reason=LEASE_ENDED,
        now=now,
    )
    return [row[0] for row in rows]


async def find_ended_lease(db: Connection, task_id: UUID, *, now: Millis) -> HeldTask | None:
    """Lock the task, if the lease is still an ended lease; else None. The job is locked already."""
    row = await db.fetchrow(LOCK_ENDED, task_id, now)
    return None if row is None else HeldTask(**row)


async def _give_up(
    db: Connection,
    job: OpenJob,
    held: HeldTask,
    rules: JobRules,
    *,
    reason: str,
    run_after: Millis,
    now: Millis,
) -> bool:
    if held.attempt < rules.max_attempts:
        await held_tasks.give_back(db, held, reason, run_after)
        return False
    message = "\n".join([*held.reasons, held_tasks.said(held, reason)])
    was_last = await give_task_up(db, job, held.id, message, now=now)
    if was_last:
        await rule(db, EndedJob(job, JobState.DONE), rules, now=now)
    return was_last
