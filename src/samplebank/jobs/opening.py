"""Opening jobs: in the transaction of the submission or reanalysis that causes them."""

from typing import Any
from uuid import UUID

import msgspec

from samplebank.database import Connection, new_id
from samplebank.jobs.model import Job
from samplebank.jobs.queries import get_job
from samplebank.policy.model import Plan
from samplebank.policy.rules import PolicyBook
from samplebank.timespec import Millis

# One statement, as each costs the submission a round trip. $11 says that any options will do.
OPEN = """
    WITH unfinished AS (
        SELECT id FROM job
         WHERE sample_id = $2 AND customer_id = $3 AND end_time IS NULL AND workers = $6
           AND ($11::boolean OR options = $7)
         ORDER BY enqueued_time LIMIT 1
    ), opened AS (
        INSERT INTO job (id, sample_id, customer_id, submission_id, state, enqueued_time, workers, options, rules)
        SELECT $1::uuid, $2::bigint, $3::bigint, $4::uuid, 'enqueued', $5::bigint, $6::uuid[], $7::jsonb, $8::jsonb
         WHERE NOT EXISTS (SELECT FROM unfinished)
        RETURNING id
    ), published AS (
        INSERT INTO outbox (sample_id, kind, payload, created_time)
        SELECT $2, 'job', jsonb_build_object('jobID', id, 'submissionID', $4), $5 FROM opened
    ), queued AS (
        INSERT INTO job_task (id, job_id, sample_id, customer_id, worker_id, worker, state, enqueued_time)
        SELECT task.id, opened.id, $2, $3, task.worker_id, task.worker, 'enqueued', $5
          FROM opened, unnest($9::uuid[], $6, $10::text[]) AS task(id, worker_id, worker)
    )
    SELECT id, FALSE FROM unfinished UNION ALL SELECT id, TRUE FROM opened
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
    id_, _ = await _open_or_join(db, cause, plan, book, any_options=False, now=now)
    return id_


async def open_again(
    db: Connection, cause: Cause, plan: Plan, book: PolicyBook, *, now: Millis
) -> tuple[Job, bool]:
    """Open a new job, unless an unfinished one has the same workers: (the job, whether it is new)."""
    id_, is_new = await _open_or_join(db, cause, plan, book, any_options=True, now=now)
    return await get_job(db, id_), is_new


async def _open_or_join(
    db: Connection, cause: Cause, plan: Plan, book: PolicyBook, *, any_options: bool, now: Millis
) -> tuple[UUID, bool]:
    """(a new job, True), or (the oldest unfinished one with these workers and these, or any, options, False)."""
    rules = [{"id": str(rule), "version": version} for rule, version in plan.rules]
    row: Any = await db.fetchrow(
        OPEN,
        new_id(),
        cause.sample_id,
        cause.customer_id,
        cause.submission_id,
        now,
        list(plan.workers),
        msgspec.json.encode(plan.options),
        msgspec.json.encode(rules),
        [new_id() for _ in plan.workers],
        [book.names[worker] for worker in plan.workers],
        any_options,
    )
    return row[0], row[1]
