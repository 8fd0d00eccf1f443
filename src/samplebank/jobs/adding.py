"""Adding workers to a job: to the unfinished job itself, or to a new job that carries on an ended job.

The caller holds the locks of the job and of the sample, in this order.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from samplebank.database import Connection, Statement, new_id
from samplebank.jobs.causes import ADDED_LATE
from samplebank.jobs.lanes import shift_of_job
from samplebank.jobs.opening import Cause
from samplebank.policy.model import Book, Plan
from samplebank.timespec import Millis

LOCK_JOBS = Statement("SELECT id FROM job WHERE id = ANY(:ids::uuid[]) ORDER BY id FOR UPDATE")
GET = Statement("""
    SELECT id, end_time IS NULL AS is_open, workers, options,
           (SELECT count(*) FROM job_task WHERE job_id = :id) AS tasks
      FROM job WHERE id = :id
""")
#: Part of a statement: the tasks of the added workers, for each job of `{job}`, with the `{shift}` of the other tasks.
QUEUED = """
    queued AS (
        INSERT INTO job_task (id, job_id, sample_id, customer_id, worker_id, worker, state, enqueued_time, message, shift)
        SELECT task.id, {job}.id, :sample_id::bigint, :customer_id::bigint, task.worker_id, task.worker, 'enqueued',
               :now::bigint, :message::text, {shift}
          FROM {job}, unnest(:task_ids::uuid[], :added::uuid[], :added_names::text[]) AS task(id, worker_id, worker)
    ),
    -- The event of a new job is sent again: whoever hands tasks out by events learns of the added tasks.
    published AS (
        INSERT INTO outbox (sample_id, kind, payload, created_time)
        SELECT :sample_id, 'job', jsonb_build_object('jobID', id, 'submissionID', submission_id), :now FROM {job}
         WHERE :added::uuid[] <> '{{}}'
    )
"""
ADD = Statement(f"""
    WITH
    -- The new version of the row tells the end of another task that the job has more tasks than it looked at.
    changed AS (
        UPDATE job SET workers = :workers::uuid[], options = :options::jsonb, rules = :rules::jsonb,
               replanned = :replanned::jsonb
         WHERE id = :job_id AND end_time IS NULL RETURNING id, submission_id
    ),
    {QUEUED.format(job="changed", shift=shift_of_job(":job_id"))}
    SELECT id FROM changed
""")
OPEN_AFTER = Statement(f"""
    WITH
    -- Nothing is opened where an unfinished job runs the workers already. `coalesce` and `+ 0` leave the planner the
    -- index of the sample only, as in `opening.OPENED`.
    opened AS (
        INSERT INTO job (id, sample_id, customer_id, submission_id, state, enqueued_time, workers, options, rules, replanned)
        SELECT :job_id::uuid, :sample_id::bigint, :customer_id::bigint, :submission_id::uuid, 'enqueued', :now::bigint,
               :workers::uuid[], :options::jsonb, :rules::jsonb, :replanned::jsonb
         WHERE NOT EXISTS (
            SELECT FROM job WHERE sample_id = :sample_id AND customer_id + 0 = :customer_id
                              AND coalesce(end_time, 0) = 0 AND workers @> :added::uuid[])
        RETURNING id, submission_id
    ),
    {QUEUED.format(job="opened", shift=shift_of_job(":previous_id::uuid"))},
    -- The ended tasks come along, so that the verdict of the new job weighs what they found.
    earlier AS (
        SELECT t.*, (:carried_ids::uuid[])[row_number() OVER (ORDER BY t.id)] AS new_id
          FROM job_task t WHERE t.job_id = :previous_id::uuid AND t.worker_id <> ALL (:added::uuid[])
    ),
    carried AS (
        INSERT INTO job_task (id, job_id, sample_id, customer_id, worker_id, worker, state, enqueued_time, start_time,
                              end_time, message, attempt, reasons, claimed_by, shift)
        SELECT new_id, opened.id, sample_id, customer_id, worker_id, worker, state, enqueued_time, start_time,
               end_time, message, attempt, reasons, claimed_by, shift
          FROM opened, earlier
    ),
    linked AS (
        INSERT INTO job_task_analysis (task_id, analysis_id)
        SELECT earlier.new_id, given.analysis_id
          FROM opened, earlier JOIN job_task_analysis given ON given.task_id = earlier.id
    )
    SELECT id FROM opened
""")


class Standing(msgspec.Struct, frozen=True):
    """The state of a locked job: whether the job is unfinished, the workers and the options.

    `tasks` is the number of tasks. The task that waits for children belongs to none of the `workers`.
    """

    id: UUID
    is_open: bool
    workers: Sequence[UUID]
    options: list[dict[str, Any]]
    tasks: int


class Replanned(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Why a job has more workers than were chosen at first: the late type, and the added workers."""

    time: Millis
    type: str
    super_type: str
    workers: list[UUID]
    previous_job: UUID | None = None


async def lock_jobs(db: Connection, ids: Sequence[UUID]) -> None:
    """Lock jobs against every other change until the transaction ends, in the order in which all lock several jobs."""
    await LOCK_JOBS.rows(db, ids=ids)


async def standing_of(db: Connection, job_id: UUID | None) -> Standing | None:
    """How a locked job stands; None for a job that does not exist."""
    row = None if job_id is None else await GET.row(db, id=job_id)
    return None if row is None else Standing(**row)


async def add_workers(
    db: Connection, job: Standing, cause: Cause, plan: Plan, book: Book, *, why: Replanned
) -> UUID | None:
    """Give an unfinished job the workers of a plan that the job lacks, and the options of the plan.

    Tasks claimed from now on get the new options. Answers the id of the job.
    """
    workers = sorted({*job.workers, *plan.workers})
    values = _values(plan, book, cause, why)
    return await ADD.value(  # type: ignore[no-any-return]
        db, **values, job_id=job.id, workers=workers, replanned=msgspec.json.encode(why)
    )


async def open_after(
    db: Connection, previous: Standing | None, cause: Cause, plan: Plan, book: Book, *, why: Replanned
) -> UUID | None:
    """Open a job for the workers of a plan that an ended job lacked; answers the id of the job.

    The tasks of the ended job come along in their final states. None where an unfinished job has the workers already.
    """
    earlier = list(previous.workers) if previous else []
    told = msgspec.structs.replace(why, previous_job=previous.id if previous else None)
    return await OPEN_AFTER.value(  # type: ignore[no-any-return]
        db,
        **_values(plan, book, cause, why),
        job_id=new_id(),
        submission_id=cause.submission_id,
        workers=sorted({*earlier, *why.workers}),
        replanned=msgspec.json.encode(told),
        previous_id=previous.id if previous else None,
        carried_ids=[new_id() for _ in range(previous.tasks if previous else 0)],
    )


def _values(plan: Plan, book: Book, cause: Cause, why: Replanned) -> dict[str, object]:
    """The common parameters of both statements."""
    return {
        "sample_id": cause.sample_id,
        "customer_id": cause.customer_id,
        "options": msgspec.json.encode(plan.options),
        "rules": msgspec.json.encode([{"id": str(rule), "version": version} for rule, version in plan.rules]),
        "task_ids": [new_id() for _ in why.workers],
        "added": why.workers,
        "added_names": [book.names[worker] for worker in why.workers],
        "message": f"{ADDED_LATE} {why.type}.",
        "now": why.time,
    }
