"""Moving tasks on. Whoever changes a task locks its job first, so that exactly one change is the last one."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import msgspec

from samplebank.database import Connection
from samplebank.errors import Conflict, NotFound, Violation, invalid
from samplebank.jobs.model import FINAL, MOVES, JobState, Task, TaskState
from samplebank.jobs.queries import NO_JOB, NO_TASK, get_task
from samplebank.timespec import Millis

LOCK_JOB = "SELECT sample_id, customer_id, state FROM job WHERE id = $1 FOR UPDATE"
# with the task, which of the analyses that it shall name are analyses of its sample
LOCK_TASK = """
    SELECT state, lease_token, ARRAY(SELECT id FROM analysis WHERE sample_id = $3 AND id = ANY($4::uuid[]))
      FROM job_task WHERE job_id = $1 AND id = $2 FOR UPDATE
"""
START_TASK = """
    UPDATE job_task SET state = 'executing', start_time = coalesce(start_time, $2), message = coalesce($3, message)
     WHERE id = $1 AND state = 'enqueued'
"""
# One statement, as each costs a round trip. The job is locked, so no other task of it can end meanwhile: whether this
# one is the last can be told from what the others were when the statement began.
END_TASK = """
    WITH ended AS (
        UPDATE job_task SET state = $3, end_time = greatest($4, start_time), message = coalesce($5, message),
               lease_token = NULL, lease_until = NULL
         WHERE id = $2 AND end_time IS NULL
        RETURNING id, worker, state, enqueued_time, start_time, end_time, message
    ), linked AS (
        INSERT INTO job_task_analysis (task_id, analysis_id)
        SELECT $2, unnest($6::uuid[]) ON CONFLICT DO NOTHING
    ), named AS (
        UPDATE analysis SET job_id = $1 WHERE id = ANY($6) AND job_id IS NULL
    )
    SELECT ended.*,
           coalesce((SELECT jsonb_agg(jsonb_build_array(a.id, a.score, a.agent_name, a.agent_version) ORDER BY a.id)
                       FROM analysis a WHERE a.id = ANY($6)), '[]'),
           NOT EXISTS (SELECT FROM job_task other WHERE other.job_id = $1 AND other.id <> $2 AND other.end_time IS NULL)
      FROM ended
"""
START_JOB = "UPDATE job SET state = 'executing', start_time = coalesce(start_time, $2) WHERE id = $1 AND state = 'enqueued'"
END_JOB = """
    WITH ended AS (
        UPDATE job SET state = $2, end_time = greatest($3, start_time) WHERE id = $1 AND end_time IS NULL RETURNING id, sample_id
    )
    INSERT INTO outbox (sample_id, kind, payload, created_time)
    SELECT sample_id, 'jobEnded', jsonb_build_object('jobID', id, 'state', $2::text), $3 FROM ended
"""
TASK_ANALYSES = "SELECT analysis_id FROM job_task_analysis WHERE task_id = $1"


class OpenJob(msgspec.Struct, frozen=True):
    """A job that is locked by this transaction."""

    id: UUID
    sample_id: int
    customer_id: int
    state: str


class Move(msgspec.Struct, frozen=True):
    """What shall become of a task. `lease` is the token of a worker that insists on still holding it."""

    to: TaskState
    analyses: Sequence[UUID] | None = None
    message: str | None = None
    lease: UUID | None = None


async def lock_job(db: Connection, job_id: UUID) -> OpenJob:
    """Lock a job against every other change until the transaction ends."""
    row = await db.fetchrow(LOCK_JOB, job_id)
    if row is None:
        raise NotFound(NO_JOB)
    return OpenJob(job_id, *row)


async def move_task(
    db: Connection, job: OpenJob, task_id: UUID, move: Move, *, now: Millis
) -> tuple[Task, bool]:
    """Move a task of the locked job: (the task, whether it was the last open one).

    Raises `Conflict` for an illegal move, `Invalid` for analyses of another sample, `NotFound`.
    """
    row = await db.fetchrow(LOCK_TASK, job.id, task_id, job.sample_id, list(move.analyses or ()))
    if row is None:
        raise NotFound(NO_TASK)
    state, lease, known = TaskState(row[0]), row[1], row[2]
    if state == move.to:
        await _check_repeat(db, task_id, move)
        return await get_task(db, job.id, task_id), False
    if move.to not in MOVES[state]:
        raise Conflict(
            Violation(f"The task is {state}, which is final: it cannot become {move.to}.", "state")
        )
    if move.lease is not None and move.lease != lease:
        raise Conflict("The lease of this task is lost: another worker may have it by now.")
    _check_analyses(move, known)
    if move.to in FINAL:
        return await _end_task(db, job, task_id, move, now=now)
    await db.execute(START_TASK, task_id, now, move.message)
    await db.execute(START_JOB, job.id, now)
    return await get_task(db, job.id, task_id), False


async def end_job(db: Connection, job: OpenJob, state: JobState, *, now: Millis) -> None:
    """End the locked job, and tell the outside."""
    await db.execute(END_JOB, job.id, state, now)


async def _end_task(
    db: Connection, job: OpenJob, task_id: UUID, move: Move, *, now: Millis
) -> tuple[Task, bool]:
    row: Any = await db.fetchrow(
        END_TASK, job.id, task_id, move.to, now, move.message, list(move.analyses or ())
    )
    *task, was_last = row
    return Task(*task), was_last


async def _check_repeat(db: Connection, task_id: UUID, move: Move) -> None:
    """The same final state again must come with the same analyses."""
    if move.to not in FINAL or move.analyses is None:
        return
    stored = {row[0] for row in await db.fetch(TASK_ANALYSES, task_id)}
    if stored != set(move.analyses):
        raise Conflict(Violation("The task has ended with other analyses.", "analyses"))


def _check_analyses(move: Move, known: Collection[UUID]) -> None:
    for position, analysis in enumerate(move.analyses or ()):
        if analysis not in known:
            raise invalid(f"analyses[{position}]", f"{analysis} is not an analysis of this job's sample.")
