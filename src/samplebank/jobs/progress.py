"""Moving tasks on. Every change of a task locks the job first, so that exactly one change is the last."""

from collections.abc import Collection, Sequence
from uuid import UUID

import msgspec

from samplebank.accounts.caller import Caller
from samplebank.database import Columns, Connection, Outrun, Statement
from samplebank.errors import Conflict, NotFound, Violation, Violations
from samplebank.jobs.model import FINAL, MOVES, Task, TaskState
from samplebank.jobs.queries import NO_JOB, get_task
from samplebank.timespec import Millis

LOCK_JOB = "SELECT id, sample_id FROM job WHERE id = $1 FOR UPDATE"
#: the columns that are returned of a moved task
RETURNED = "t.id, t.worker, t.state, t.enqueued_time, t.start_time, t.end_time, t.message"
STARTED = Columns.of(Task, "started", analyses="'[]'::jsonb")
START_TASK = Statement(f"""
    WITH held AS MATERIALIZED (SELECT id, state FROM job WHERE id = :job_id FOR UPDATE),
    started AS (
        UPDATE job_task t SET state = 'executing', start_time = coalesce(t.start_time, :now),
               message = coalesce(:message, message)
          FROM held WHERE t.id = :task_id AND t.state = 'enqueued' RETURNING {RETURNED}
    ),
    job_started AS (
        UPDATE job SET state = 'executing', start_time = coalesce(job.start_time, :now)
          FROM held, started WHERE job.id = held.id AND held.state = 'enqueued'
    )
    SELECT {STARTED.sql} FROM started
""")
#: Part of a statement: makes a new version of the row of a job when a task has `ended`. Some requests look at the job
#: without a lock. The new version tells such a request that another task has ended meanwhile.
JOB_NOTED = "job_noted AS (UPDATE job SET start_time = job.start_time FROM ended WHERE job.id = :job_id)"
GIVE_TASK_UP = Statement(f"""
    WITH
    ended AS (
        UPDATE job_task SET state = 'failed', end_time = greatest(:now, start_time), message = :message,
               lease_token = NULL, lease_until = NULL
         WHERE id = :task_id AND end_time IS NULL RETURNING id
    ),
    {JOB_NOTED},
    -- The end of the last task also locks the sample, for the verdict. The job is locked, so no other task can end
    -- meanwhile: the states of the other tasks at the start of the statement tell whether this task is the last.
    locked AS MATERIALIZED (
        SELECT id FROM sample WHERE id = :sample_id AND NOT EXISTS (
            SELECT FROM job_task other WHERE other.job_id = :job_id AND other.id <> :task_id AND other.end_time IS NULL)
           FOR NO KEY UPDATE
    )
    SELECT EXISTS (SELECT FROM locked)
""")


def job_ended(cause: str = "") -> str:
    """Part of a statement: ends a locked job. If `cause` is named, `cause` must have a row. The verdict is stored along.

    A task that ended before may have a later time: its request began later. The job does not end before the task.
    """
    return f"""
        job_ended AS (
            UPDATE job SET state = :job_state, end_time = greatest(:now::bigint, job.start_time, (
                SELECT max(greatest(t.start_time, t.end_time)) FROM job_task t WHERE t.job_id = :job_id))
              {f"FROM {cause}" if cause else ""}
             WHERE job.id = :job_id AND job.end_time IS NULL
            RETURNING job.id, job.state
        )
    """


#: the event that tells the outside about `job_ended`
TOLD_OF_JOB = "SELECT 0, 'jobEnded', jsonb_build_object('jobID', id, 'state', state) FROM job_ended"
TASK_ANALYSES = "SELECT analysis_id FROM job_task_analysis WHERE task_id = $1"


class OpenJob(msgspec.Struct, frozen=True):
    """A job locked by the current transaction."""

    id: UUID
    sample_id: int


class OpenTask(msgspec.Struct, frozen=True):
    """A task at the time of the look.

    `known` are the requested analyses that belong to the sample and are visible to the caller.
    """

    id: UUID
    job_id: UUID
    state: TaskState
    lease: UUID | None
    known: Collection[UUID]


class Move(msgspec.Struct, frozen=True):
    """The requested change of a task. With a `lease`, the task must still be held under the token `lease`."""

    to: TaskState
    analyses: Sequence[UUID] | None = None
    message: str | None = None
    lease: UUID | None = None


async def lock_job(db: Connection, job_id: UUID) -> OpenJob:
    """Lock a job against every other change until the transaction ends."""
    row = await db.fetchrow(LOCK_JOB, job_id)
    if row is None:
        raise NotFound(NO_JOB)
    return OpenJob(**row)


async def check_move(db: Connection, caller: Caller, task: OpenTask, move: Move) -> Task | None:
    """Get the task as the caller sees the task, if the move has been made already; else None.

    Raises `Conflict` for an illegal move, and for a repeat with other analyses. Raises `Invalid` for analyses of another
    sample, and in the same words for analyses hidden from the caller.
    """
    if task.state == move.to:
        await _check_repeat(db, task.id, move)
        return await get_task(db, task.job_id, caller, task.id)
    if move.to not in MOVES[task.state]:
        raise Conflict(
            Violation(f"The task is {task.state}, which is final: it cannot become {move.to}.", "state")
        )
    if move.lease is not None and move.lease != task.lease:
        raise Conflict("The lease of this task is lost: another worker may have it by now.")
    _check_analyses(move, task.known)
    return None


async def start_task(db: Connection, task: OpenTask, move: Move, *, now: Millis) -> Task:
    """Move a task and its job on to executing. Raises `Outrun` when the task is no longer enqueued."""
    row = await START_TASK.row(db, job_id=task.job_id, task_id=task.id, message=move.message, now=now)
    if row is None:
        raise Outrun
    return STARTED.read(row)


async def give_task_up(db: Connection, job: OpenJob, task_id: UUID, message: str, *, now: Millis) -> bool:
    """Let an open task of a locked job fail. Whether the task was the last; then the sample is locked, too."""
    was_last: bool = await GIVE_TASK_UP.value(
        db, job_id=job.id, task_id=task_id, message=message, sample_id=job.sample_id, now=now
    )
    return was_last


async def _check_repeat(db: Connection, task_id: UUID, move: Move) -> None:
    """Raise `Conflict` when a final state is repeated with other analyses."""
    if move.to not in FINAL or move.analyses is None:
        return
    stored = {row[0] for row in await db.fetch(TASK_ANALYSES, task_id)}
    if stored != set(move.analyses):
        raise Conflict(Violation("The task has ended with other analyses.", "analyses"))


def _check_analyses(move: Move, known: Collection[UUID]) -> None:
    violations = Violations()
    for position, analysis in enumerate(move.analyses or ()):
        if analysis not in known:
            said = f"{analysis} is not an analysis of this job's sample."
            violations.add(f"analyses[{position}]", said)
    violations.raise_if_any()
