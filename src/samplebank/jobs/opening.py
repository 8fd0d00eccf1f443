"""Opening jobs, in the transaction of the submission or reanalysis that causes the job."""

from uuid import UUID

import msgspec

from samplebank.database import Connection, Statement, new_id
from samplebank.jobs.model import Job
from samplebank.jobs.queries import get_job
from samplebank.policy.model import Book, Plan
from samplebank.timespec import Millis

#: an event for `opened`: the submission `stored` has come
SUBMITTED = "SELECT 1, 'submission', jsonb_build_object('submissionID', id) FROM stored"


def opened(sample: str = ":sample_id::bigint", told: str = "", shift: str = ":shift::bigint") -> str:
    """Part of a statement: opens a job, or joins the unfinished job with the same workers and options.

    The part reads `cause`, of at most one `submission_id`: no row, no job. `job_of_cause` (id, is_new) has the job, if
    any worker is selected. `sample` is an expression for the id of the sample. The caller must hold the lock of the
    sample, so that two submissions at once cannot open two jobs. `told` are events (place, kind, payload) that come before
    the event of the job. `shift` is an expression for the place of the tasks in the line (`lanes`). Waiting tasks of a job
    that is joined move up to the place, unless somebody else holds them.
    """
    return f"""
    -- `coalesce` hides the index of all unfinished jobs: the index is small, but full of dead entries until the next
    -- vacuum. `+ 0` hides the index of the customer. Only the index of the sample is left.
    unfinished AS (
        SELECT id FROM job
         WHERE sample_id = {sample} AND customer_id + 0 = :customer_id AND coalesce(end_time, 0) = 0
           AND workers = :workers::uuid[]
           AND (:any_options::boolean OR options = :options::jsonb) AND EXISTS (SELECT FROM cause)
         ORDER BY enqueued_time LIMIT 1
    ),
    opened AS (
        INSERT INTO job (id, sample_id, customer_id, submission_id, state, enqueued_time, workers, options, rules)
        SELECT :job_id::uuid, {sample}, :customer_id::bigint, submission_id, 'enqueued', :now::bigint,
               :workers::uuid[], :options::jsonb, :rules::jsonb
          FROM cause WHERE NOT EXISTS (SELECT FROM unfinished) AND :workers::uuid[] <> '{{}}'
        RETURNING id, submission_id
    ),
    published AS (
        INSERT INTO outbox (sample_id, kind, payload, created_time)
        SELECT {sample}, kind, payload, :now FROM ({f"{told} UNION ALL" if told else ""}
            SELECT 2, 'job', jsonb_build_object('jobID', id, 'submissionID', submission_id) FROM opened
        ) AS told (place, kind, payload) ORDER BY place
    ),
    queued AS (
        INSERT INTO job_task (id, job_id, sample_id, customer_id, worker_id, worker, state, enqueued_time, shift)
        SELECT task.id, opened.id, {sample}, :customer_id, task.worker_id, task.worker, 'enqueued', :now, {shift}
          FROM opened, unnest(:task_ids::uuid[], :workers::uuid[], :worker_names::text[]) AS task(id, worker_id, worker)
    ),
    {_hastened(shift)},
    job_of_cause AS (
        SELECT id, FALSE AS is_new FROM unfinished UNION ALL SELECT id, TRUE FROM opened
    )
"""


def _hastened(shift: str) -> str:
    """Part of `opened`: waiting tasks of the job that is joined move up in the line.

    The caller holds the lock of the sample, and who ends a task locks the task before the sample. So nobody is waited for.
    """
    return f"""hastened AS (
        UPDATE job_task t SET shift = {shift}
          FROM (SELECT id FROM job_task
                 WHERE job_id = (SELECT id FROM unfinished) AND state = 'enqueued' AND job_task.shift > {shift}
                   FOR UPDATE SKIP LOCKED) late
         WHERE t.id = late.id
    )"""


class Cause(msgspec.Struct, frozen=True):
    """The submission for which a job is opened."""

    sample_id: int
    customer_id: int
    submission_id: UUID


OPEN_AGAIN = Statement(f"""
    WITH cause AS (SELECT :submission_id::uuid AS submission_id), {opened()}
    SELECT id, is_new FROM job_of_cause
""")


def values(plan: Plan, book: Book, *, any_options: bool = False) -> dict[str, object]:
    """The parameters of `opened` about the job. With `any_options`, an unfinished job with any options is joined."""
    rules = [{"id": str(rule), "version": version} for rule, version in plan.rules]
    return {
        "job_id": new_id(),
        "workers": plan.workers,
        "options": msgspec.json.encode(plan.options),
        "rules": msgspec.json.encode(rules),
        "task_ids": [new_id() for _ in plan.workers],
        "worker_names": [book.names[worker] for worker in plan.workers],
        "any_options": any_options,
    }


def id_of(opened: dict[str, object]) -> UUID:
    """The id that a new job would get, by the parameters that `values` made."""
    id_ = opened["job_id"]
    assert isinstance(id_, UUID)  # noqa: S101 for the type checker
    return id_


async def open_again(
    db: Connection, cause: Cause, plan: Plan, book: Book, *, shift: Millis, now: Millis
) -> tuple[Job, bool]:
    """Open a new job, unless an unfinished job has the same workers: (the job, whether the job is new)."""
    job_id, is_new = await open_or_join(db, cause, plan, book, shift=shift, now=now)
    return await get_job(db, job_id), is_new


async def open_or_join(
    db: Connection, cause: Cause, plan: Plan, book: Book, *, shift: Millis, now: Millis
) -> tuple[UUID, bool]:
    """As `open_again`, but answers the id of the job only."""
    row = await OPEN_AGAIN.row(
        db, **msgspec.structs.asdict(cause), **values(plan, book, any_options=True), shift=shift, now=now
    )
    return row[0], row[1]
