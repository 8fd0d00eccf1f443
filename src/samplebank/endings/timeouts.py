"""Jobs that take too long end with the results so far. Many processes may sweep at once."""

from uuid import UUID

from samplebank.database import Connection, Statement
from samplebank.jobs.causes import ADDED_LATE
from samplebank.jobs.model import JobRules, JobState
from samplebank.jobs.progress import lock_job
from samplebank.timespec import Millis
from samplebank.verdicts.ruling import EndedJob, lock_sample, rule

#: the most jobs found by one look
BATCH = 100
OVERDUE = """
    SELECT id FROM job WHERE state = 'enqueued' AND enqueued_time <= $1
    UNION ALL
    SELECT id FROM job WHERE state = 'executing' AND (start_time <= $2 OR enqueued_time <= $1)
    LIMIT $3
"""
#: the message of a worker stays; the note about a late type is no message of a worker, and the reasons follow the note
TIME_OUT_TASKS = Statement(f"""
    UPDATE job_task SET state = 'timeout', end_time = :now, lease_token = NULL, lease_until = NULL,
           message = CASE WHEN message NOT LIKE '{ADDED_LATE}%' THEN message
                          ELSE array_to_string(message || reasons || 'The job took too long.'::text, ' ') END
     WHERE job_id = :job_id AND end_time IS NULL
""")
IS_OVERDUE = """
    SELECT EXISTS (SELECT FROM job WHERE id = $1 AND end_time IS NULL AND (enqueued_time <= $2 OR start_time <= $3))
"""


async def time_out_job(
    db: Connection, job_id: UUID, rules: JobRules, *, overdue_at: Millis, now: Millis
) -> bool:
    """End a job that has taken too long by `overdue_at`, with the results so far. Whether the job was overdue."""
    job = await lock_job(db, job_id)
    if not await _is_overdue(db, job_id, rules, now=overdue_at):
        return False
    await _time_out_tasks(db, job_id, now=now)
    await lock_sample(db, job.sample_id)
    await rule(db, EndedJob(job, JobState.TIMEOUT), rules, now=now)
    return True


async def overdue_jobs(db: Connection, rules: JobRules, *, now: Millis) -> list[UUID]:
    """Find a batch of jobs that have waited or run too long by `now`."""
    rows = await db.fetch(OVERDUE, now - rules.longest_wait, now - rules.longest_run, BATCH)
    return [row[0] for row in rows]


async def _is_overdue(db: Connection, job_id: UUID, rules: JobRules, *, now: Millis) -> bool:
    """Whether a locked job is still overdue. The job may have ended before the lock."""
    overdue: bool = await db.fetchval(IS_OVERDUE, job_id, now - rules.longest_wait, now - rules.longest_run)
    return overdue


async def _time_out_tasks(db: Connection, job_id: UUID, *, now: Millis) -> None:
    """End the open tasks of a locked job."""
    await TIME_OUT_TASKS.run(db, job_id=job_id, now=now)
