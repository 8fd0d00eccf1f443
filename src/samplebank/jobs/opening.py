"""Opening jobs: in the transaction of the submission or reanalysis that causes them."""

from uuid import UUID

import msgspec

from samplebank.database import Connection, new_id
from samplebank.jobs.model import Job
from samplebank.jobs.queries import get_job
from samplebank.policy.model import Plan
from samplebank.policy.rules import PolicyBook
from samplebank.timespec import Millis

FIND_UNFINISHED = """
    SELECT id FROM job
     WHERE sample_id = $1 AND customer_id = $2 AND end_time IS NULL AND workers = $3
       AND ($4::jsonb IS NULL OR options = $4)
     ORDER BY enqueued_time LIMIT 1
"""
OPEN = """
    WITH opened AS (
        INSERT INTO job (id, sample_id, customer_id, submission_id, state, enqueued_time, workers, options, rules)
        VALUES ($1, $2, $3, $4, 'enqueued', $5, $6, $7, $8)
    ), published AS (
        INSERT INTO outbox (sample_id, kind, payload, created_time)
        VALUES ($2, 'job', jsonb_build_object('jobID', $1::text, 'submissionID', $4::text), $5)
    )
    INSERT INTO job_task (id, job_id, sample_id, customer_id, worker_id, worker, state, enqueued_time)
    SELECT task.id, $1, $2, $3, task.worker_id, task.worker, 'enqueued', $5
      FROM unnest($9::uuid[], $6::uuid[], $10::text[]) AS task(id, worker_id, worker)
"""


class Cause(msgspec.Struct, frozen=True):
    """What a job is opened for."""

    sample_id: int
    customer_id: int
    submission_id: UUID


async def open_job(db: Connection, cause: Cause, plan: Plan, book: PolicyBook, *, now: Millis) -> UUID | None:
    """Open a job, or join the unfinished one with the same workers and options; None when no worker is selected.

    The caller holds the lock of the sample, so that two submissions at once cannot open two jobs.
    """
    if not plan.workers:
        return None
    unfinished = await find_unfinished(db, cause, plan, msgspec.json.encode(plan.options))
    return unfinished or await _open(db, cause, plan, book, now=now)


async def open_again(
    db: Connection, cause: Cause, plan: Plan, book: PolicyBook, *, now: Millis
) -> tuple[Job, bool]:
    """Open a new job, unless an unfinished one has the same workers: (the job, whether it is new)."""
    unfinished = await find_unfinished(db, cause, plan, None)
    id_ = unfinished or await _open(db, cause, plan, book, now=now)
    return await get_job(db, id_), unfinished is None


async def find_unfinished(db: Connection, cause: Cause, plan: Plan, options: bytes | None) -> UUID | None:
    """The oldest unfinished job with these workers, and, unless None, these options."""
    found: UUID | None = await db.fetchval(
        FIND_UNFINISHED,
        cause.sample_id,
        cause.customer_id,
        list(plan.workers),
        options,
    )
    return found


async def _open(db: Connection, cause: Cause, plan: Plan, book: PolicyBook, *, now: Millis) -> UUID:
    job_id = new_id()
    rules = [{"id": str(rule), "version": version} for rule, version in plan.rules]
    await db.execute(
        OPEN,
        job_id,
        cause.sample_id,
        cause.customer_id,
        cause.submission_id,
        now,
        list(plan.workers),
        msgspec.json.encode(plan.options),
        msgspec.json.encode(rules),
        [new_id() for _ in plan.workers],
        [book.names[worker] for worker in plan.workers],
    )
    return job_id
