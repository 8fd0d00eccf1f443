"""What ends a job besides the update of its last task: the task, the job and the verdict change in one transaction."""

from uuid import UUID

from samplebank.database import Connection
from samplebank.jobs import claims, timeouts
from samplebank.jobs.model import JobState
from samplebank.jobs.progress import OpenJob, give_task_up, lock_job
from samplebank.timespec import Millis
from samplebank.verdicts.ruling import Ended, lock_sample, rule


async def release_task(
    db: Connection,
    job_id: UUID,
    task_id: str,
    token: UUID,
    reason: str,
    delay: Millis,
    attempts: int,
    threshold: int,
    *,
    now: Millis,
) -> bool:
    """Give a claimed task back for another attempt; after the last one it has failed. Whether the job ended."""
    job = await lock_job(db, job_id)
    held = await claims.hold(db, task_id, token)
    return await _give_up(db, job, held, reason, now + delay, attempts, threshold, now=now)


async def take_back(
    db: Connection,
    job_id: UUID,
    task_id: UUID,
    attempts: int,
    threshold: int,
    *,
    now: Millis,
) -> bool:
    """Take a task back whose lease has ended. Whether the job ended with it."""
    job = await lock_job(db, job_id)
    held = await timeouts.find_ended_lease(db, task_id, now=now)
    if held is None:
        return False
    return await _give_up(db, job, held, timeouts.LEASE_ENDED, now, attempts, threshold, now=now)


async def time_out_job(
    db: Connection,
    job_id: UUID,
    threshold: int,
    *,
    enqueued_before: Millis,
    started_before: Millis,
    now: Millis,
) -> bool:
    """End a job that took too long, with what there is. Whether it did."""
    job = await lock_job(db, job_id)
    if not await timeouts.is_overdue(
        db, job_id, enqueued_before=enqueued_before, started_before=started_before
    ):
        return False
    await timeouts.time_out_tasks(db, job_id, now=now)
    await lock_sample(db, job.sample_id)
    await rule(db, Ended(job, JobState.TIMEOUT), threshold, now=now)
    return True


async def _give_up(
    db: Connection,
    job: OpenJob,
    held: claims.Held,
    reason: str,
    run_after: Millis,
    attempts: int,
    threshold: int,
    *,
    now: Millis,
) -> bool:
    if held.attempt < attempts:
        await claims.give_back(db, held, reason, run_after)
        return False
    message = "\n".join([*held.reasons, claims.said(held, reason)])
    was_last = await give_task_up(db, job, held.id, message, now=now)
    if was_last:
        await rule(db, Ended(job, JobState.DONE), threshold, now=now)
    return was_last
