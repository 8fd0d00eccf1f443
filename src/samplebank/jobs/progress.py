"""Moving tasks on. Whoever changes a task locks its job first, so that exactly one change is the last one."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import msgspec

from samplebank.accounts.access import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Connection
from samplebank.database.identifiers import find_id
from samplebank.errors import Conflict, Forbidden, NotFound, Violation, invalid
from samplebank.jobs.model import FINAL, MOVES, Task, TaskState
from samplebank.jobs.queries import NO_JOB, NO_TASK, get_task
from samplebank.timespec import Millis

LOCK_JOB = "SELECT sample_id FROM job WHERE id = $1 FOR UPDATE"
# The job is locked before the task is. With them, which of the analyses that the task shall name are of the sample.
LOCK_TASK = """
    WITH locked AS MATERIALIZED (SELECT id, sample_id, customer_id FROM job WHERE id = $1 FOR UPDATE)
    SELECT locked.sample_id, locked.customer_id, task.state, task.lease_token,
           ARRAY(SELECT id FROM analysis WHERE sample_id = locked.sample_id AND id = ANY($3::uuid[]))
      FROM locked LEFT JOIN LATERAL (
        SELECT state, lease_token FROM job_task WHERE job_id = locked.id AND id = $2 FOR UPDATE) task ON TRUE
"""
RETURNED = "id, worker, state, enqueued_time, start_time, end_time, message"
START_TASK = f"""
    WITH started AS (
        UPDATE job_task SET state = 'executing', start_time = coalesce(start_time, $3), message = coalesce($4, message)
         WHERE id = $2 AND state = 'enqueued' RETURNING {RETURNED}
    ), job_started AS (
        UPDATE job SET state = 'executing', start_time = coalesce(start_time, $3) WHERE id = $1 AND state = 'enqueued'
    )
    SELECT started.*, '[]'::jsonb FROM started
"""
# One statement, as each costs a round trip. The job is locked, so no other task of it can end meanwhile: whether this
# one is the last can be told from what the others were when the statement began. The end of the last one locks the
# sample, too, for the verdict.
END_TASK = f"""
    WITH ended AS (
        UPDATE job_task SET state = $3, end_time = greatest($4, start_time), message = coalesce($5, message),
               lease_token = NULL, lease_until = NULL
         WHERE id = $2 AND end_time IS NULL RETURNING {RETURNED}
    ), linked AS (
        INSERT INTO job_task_analysis (task_id, analysis_id)
        SELECT $2, unnest($6::uuid[]) ON CONFLICT DO NOTHING
    ), named AS (
        UPDATE analysis SET job_id = $1 WHERE id = ANY($6) AND job_id IS NULL
    ), locked AS MATERIALIZED (
        SELECT id FROM sample WHERE id = $7 AND NOT EXISTS (
            SELECT FROM job_task other WHERE other.job_id = $1 AND other.id <> $2 AND other.end_time IS NULL)
           FOR NO KEY UPDATE
    )
    SELECT ended.*,
           coalesce((SELECT jsonb_agg(jsonb_build_array(a.id, a.score, a.agent_name, a.agent_version) ORDER BY a.id)
                       FROM analysis a WHERE a.id = ANY($6)), '[]'),
           EXISTS (SELECT FROM locked)
      FROM ended
"""
#: the end of a locked job as a WITH query, and what to tell the outside of it; the verdict is stored along with it
JOB_ENDED = """
    job_ended AS (
        UPDATE job SET state = {state}, end_time = greatest({now}, start_time) WHERE id = {job} AND end_time IS NULL
        RETURNING id, state
    )
"""
TOLD_OF_JOB = "SELECT 0, 'jobEnded', jsonb_build_object('jobID', id, 'state', state) FROM job_ended"
TASK_ANALYSES = "SELECT analysis_id FROM job_task_analysis WHERE task_id = $1"


class OpenJob(msgspec.Struct, frozen=True):
    """A job that is locked by this transaction."""

    id: UUID
    sample_id: int


class OpenTask(msgspec.Struct, frozen=True):
    """A task that is locked with its job by this transaction. `known` are the analyses asked for that exist."""

    id: UUID
    job: OpenJob
    state: TaskState
    lease: UUID | None
    known: Collection[UUID]


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


async def lock_task_to_move(
    db: Connection, caller: Caller, job: str, task: str, analyses: Sequence[UUID] = ()
) -> OpenTask:
    """Lock a task and its job.

    Raises `NotFound` where the caller may not even look, `Forbidden` where it may only look.
    """
    job_id, task_id = find_id(job), find_id(task)
    row = job_id and await db.fetchrow(LOCK_TASK, job_id, task_id, list(analyses))
    if not row or not caller.scope(Permission.VIEW_JOBS, Permission.UPDATE_JOB).covers(row["customer_id"]):
        raise NotFound(NO_JOB)
    if not caller.may(Permission.UPDATE_JOB, row["customer_id"]):
        raise Forbidden("You do not hold the permission updateAnalysisJob for the customer of this job.")
    sample_id, _, state, lease, known = row
    if job_id is None or task_id is None or state is None:
        raise NotFound(NO_TASK)
    return OpenTask(task_id, OpenJob(job_id, sample_id), TaskState(state), lease, known)


async def move_task(db: Connection, task: OpenTask, move: Move, *, now: Millis) -> tuple[Task, bool]:
    """Move a locked task on: (the task, whether it was the last open one of its job; then the sample is locked, too).

    Raises `Conflict` for an illegal move, `Invalid` for analyses of another sample.
    """
    if task.state == move.to:
        await _check_repeat(db, task.id, move)
        return await get_task(db, task.job.id, task.id), False
    if move.to not in MOVES[task.state]:
        raise Conflict(
            Violation(f"The task is {task.state}, which is final: it cannot become {move.to}.", "state")
        )
    if move.lease is not None and move.lease != task.lease:
        raise Conflict("The lease of this task is lost: another worker may have it by now.")
    _check_analyses(move, task.known)
    if move.to in FINAL:
        return await end_task(db, task.job, task.id, move, now=now)
    row: Any = await db.fetchrow(START_TASK, task.job.id, task.id, now, move.message)
    return Task(*row), False


async def end_task(
    db: Connection, job: OpenJob, task_id: UUID, move: Move, *, now: Millis
) -> tuple[Task, bool]:
    """As `move_task`, for a move to a final state that is known to be right."""
    analyses = list(move.analyses or ())
    row: Any = await db.fetchrow(
        END_TASK, job.id, task_id, move.to, now, move.message, analyses, job.sample_id
    )
    *ended, was_last = row
    return Task(*ended), was_last


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
