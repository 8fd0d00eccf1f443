"""What ends a job besides the update of its last task: the task, the job and the verdict change in one transaction."""

from uuid import UUID

import msgspec

from samplebank.database import Connection
from samplebank.jobs import claims, timeouts
from samplebank.jobs.model import JobRules, JobState
from samplebank.jobs.progress import OpenJob, give_task_up, lock_job
from samplebank.timespec import Millis
from samplebank.verdicts.ruling import Ended, lock_sample, rule


class Release(msgspec.Struct, frozen=True):
    """What a worker says that gives a task back. Another attempt may begin after `delay` milliseconds."""

    token: UUID
    reason: str
    delay: Millis


async def release_task(
    db: Connection, job_id: UUID, task_id: str, release: Release, rules: JobRules, *, now: Millis
) -> bool:
    """Give a claimed task back for another attempt; after the last one it has failed. Whether the job ended."""
    job = await lock_job(db, job_id)
    held = await claims.hold(db, task_id, release.token)
    return await _give_up(db, job, held, rules, reason=release.reason, run_after=now + release.delay, now=now)


async def take_back(db: Connection, job_id: UUID, task_id: UUID, rules: JobRules, *, now: Millis) -> bool:
    """Take a task back whose lease has ended. Whether the job ended with it."""
    job = await lock_job(db, job_id)
    held = await timeouts.find_ended_lease(db, task_id, now=now)
    if held is None:
        return False
    return await _give_up(db, job, held, rules, reason=timeouts.LEASE_ENDED, run_after=now, now=now)


async def time_out_job(
    db: Connection, job_id: UUID, rules: JobRules, *, overdue_at: Millis, now: Millis
) -> bool:
    """End a job that has taken too long by `overdue_at`, with what there is. Whether it did."""
    job = await lock_job(db, job_id)
    if not await timeouts.is_overdue(db, job_id, rules, now=overdue_at):
        return False
    await timeouts.time_out_tasks(db, job_id, now=now)
    await lock_sample(db, job.sample_id)
    await rule(db, Ended(job, JobState.TIMEOUT), rules, now=now)
    return True


async def _give_up(
    db: Connection,
    job: OpenJob,
    held: claims.Held,
    rules: JobRules,
    *,
    reason: str,
    run_after: Millis,
    now: Millis,
) -> bool:
    if held.attempt < rules.max_attempts:
        await claims.give_back(db, held, reason, run_after)
        return False
    message = "\n".join([*held.reasons, claims.said(held, reason)])
    was_last = await give_task_up(db, job, held.id, message, now=now)
    if was_last:
        await rule(db, Ended(job, JobState.DONE), rules, now=now)
    return was_last
