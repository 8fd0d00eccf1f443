"""Opening jobs: in the transaction of the submission or reanalysis that causes them."""

from typing import Any
from uuid import UUID

import msgspec

from samplebank.database import Connection, new_id
from samplebank.jobs.model import Job
from samplebank.jobs.queries import get_job
from samplebank.policy.model import Book, Plan
from samplebank.timespec import Millis

# As parts of a statement, because each of its own would cost the submission a round trip. Of the unfinished jobs only
# those of the sample are looked at: `coalesce` keeps the planner from the index of all of them, which is full of dead
# entries between two rounds of vacuum, and `+ 0` from that of the customer, which seems as good in a young database.
PARTS = """
    unfinished AS (
        SELECT id FROM job
         WHERE sample_id = {sample} AND customer_id + 0 = {customer} AND coalesce(end_time, 0) = 0 AND workers = {workers}::uuid[]
           AND ({any_options}::boolean OR options = {options}::jsonb) AND EXISTS (SELECT FROM cause)
         ORDER BY enqueued_time LIMIT 1
    ), opened AS (
        INSERT INTO job (id, sample_id, customer_id, submission_id, state, enqueued_time, workers, options, rules)
        SELECT {id}::uuid, {sample}::bigint, {customer}::bigint, submission_id, 'enqueued', {now}::bigint,
               {workers}::uuid[], {options}::jsonb, {rules}::jsonb
          FROM cause WHERE NOT EXISTS (SELECT FROM unfinished) AND {workers}::uuid[] <> '{{}}'
        RETURNING id, submission_id
    ), published AS (
        INSERT INTO outbox (sample_id, kind, payload, created_time)
        SELECT {sample}, 'job', jsonb_build_object('jobID', id, 'submissionID', submission_id), {now} FROM opened
    ), queued AS (
        INSERT INTO job_task (id, job_id, sample_id, customer_id, worker_id, worker, state, enqueued_time)
        SELECT task.id, opened.id, {sample}, {customer}, task.worker_id, task.worker, 'enqueued', {now}
          FROM opened, unnest({tasks}::uuid[], {workers}::uuid[], {names}::text[]) AS task(id, worker_id, worker)
    ), job_of_cause AS (
        SELECT id, FALSE AS is_new FROM unfinished UNION ALL SELECT id, TRUE FROM opened
    )
"""


class Cause(msgspec.Struct, frozen=True):
    """What a job is opened for."""

    sample_id: int
    customer_id: int
    submission_id: UUID


def parts(first: int, *, sample: str, customer: str, now: str) -> str:
    """WITH queries that open a job, or join the unfinished one with the same workers and options.

    They read the WITH query `cause`, of at most one `submission_id`: no row, no job. `job_of_cause` has the id of the
    job, if any worker is selected. The parameters of `values` are those from `$first` on. Whoever runs this holds the
    lock of the sample, so that two submissions at once cannot open two jobs.
    """
    names = ("id", "workers", "options", "rules", "tasks", "names", "any_options")
    given = {name: f"${first + place}" for place, name in enumerate(names)}
    return PARTS.format(sample=sample, customer=customer, now=now, **given)


def values(plan: Plan, book: Book, *, any_options: bool = False) -> tuple[object, ...]:
    """The parameters of `parts`. With `any_options` an unfinished job with other options will do."""
    rules = [{"id": str(rule), "version": version} for rule, version in plan.rules]
    return (
        new_id(),
        plan.workers,
        msgspec.json.encode(plan.options),
        msgspec.json.encode(rules),
        [new_id() for _ in plan.workers],
        [book.names[worker] for worker in plan.workers],
        any_options,
    )


OPEN_AGAIN = f"""
    WITH cause AS (SELECT $1::uuid AS submission_id), {parts(5, sample="$2", customer="$3", now="$4")}
    SELECT id, is_new FROM job_of_cause
"""


async def open_again(
    db: Connection, cause: Cause, plan: Plan, book: Book, *, now: Millis
) -> tuple[Job, bool]:
    """Open a new job, unless an unfinished one has the same workers: (the job, whether it is new)."""
    row: Any = await db.fetchrow(
        OPEN_AGAIN,
        cause.submission_id,
        cause.sample_id,
        cause.customer_id,
        now,
        *values(plan, book, any_options=True),
    )
    return await get_job(db, row[0]), row[1]
