"""The life of a service task: opened, run step by step, ended or aborted between steps.

Every change of a task locks the root first. So the end of a task and the abort of the root cannot wait for each other.
The root is locked in turn: an abort that waits for a step comes before the next step. Every host runs tasks. A step does not
wait for a root that another host is at.
"""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from samplebank.database import Connection, Statement, new_id
from samplebank.errors import Conflict
from samplebank.service_tasks.model import FINAL, MOVES, Flag, Operation, RunningTask, State, Step
from samplebank.timespec import Millis

OPEN = Statement("""
    INSERT INTO service_task (id, correlation_id, parent_id, root_id, operation, arguments, state, user_id, created_time)
    VALUES (:id, :correlation_id, :parent_id, :parent_id, :operation, :arguments, 'pending', :user_id, :now)
""")
# Reanalyses rest between their steps, and have a sweep of their own. Deletions come first: deletions are short, and somebody waits. A task that was begun comes before others.
NEXT = """
    SELECT id, parent_id FROM service_task
     WHERE finished_time IS NULL AND state IN ('pending', 'running') AND operation <> 'reanalyse' AND id <> ALL ($1::uuid[])
     ORDER BY operation <> 'deleteSample', state <> 'running', created_time, id LIMIT 1
"""
REANALYSES = """
    SELECT id, parent_id, correlation_id FROM service_task
     WHERE finished_time IS NULL AND operation = 'reanalyse' ORDER BY created_time, id
"""
#: the first of the two numbers of an advisory lock says what is locked
LOCKS = 0x5A4B_0006
# PostgreSQL gives a row lock to any session that comes at the right moment, and an advisory lock to the first in the queue.
# With the row lock alone, the next step can overtake a waiting abort again and again.
TAKE_TURN = "SELECT pg_advisory_xact_lock($1::int, hashtext($2::uuid::text))"
TRY_TURN = "SELECT pg_try_advisory_xact_lock($1::int, hashtext($2::uuid::text))"
LOCK = "SELECT state FROM service_task WHERE id = $1 FOR UPDATE"
BEGIN = """
    UPDATE service_task SET state = 'running', host = $2, execution_time = coalesce(execution_time, $3) WHERE id = $1
    RETURNING id, correlation_id, parent_id, operation, arguments, user_id
"""
REMEMBER = "UPDATE service_task SET arguments = arguments || $2::jsonb WHERE id = $1"
COUNT = """
    UPDATE service_task SET context = context ||
           jsonb_build_object($2::text, (coalesce((context ->> $2)::bigint, 0) + $3)::text)
     WHERE id = $1
"""
MOVE = Statement("""
    UPDATE service_task SET state = :state, flags = flags || :flags::text[],
           finished_time = CASE WHEN :is_final::boolean THEN :now::bigint END,
           messages = CASE WHEN :message::text IS NULL THEN messages
                           ELSE messages || jsonb_build_object('message', :message::text, 'timestamp', :now::bigint) END
     WHERE id = :id
""")
OPEN_SUBTASKS = (
    "SELECT id FROM service_task WHERE parent_id = $1 AND finished_time IS NULL ORDER BY id FOR UPDATE"
)
ABORTED = "SELECT operation, arguments FROM service_task WHERE id = $1"
HAS_FAILED = (
    "SELECT EXISTS (SELECT FROM service_task WHERE parent_id = $1 AND state IN ('failed', 'aborted'))"
)


async def open_task(
    db: Connection,
    operation: Operation,
    arguments: dict[str, Any],
    *,
    user_id: int,
    now: Millis,
    correlation_id: UUID | None = None,
    parent_id: UUID | None = None,
    id_: UUID | None = None,
) -> UUID:
    """Open a task; answers the correlation id of the task. Sub-tasks share the correlation id of the parent."""
    correlation = correlation_id or new_id()
    await OPEN.run(
        db,
        id=id_ or new_id(),
        correlation_id=correlation,
        parent_id=parent_id,
        operation=operation,
        arguments=arguments,
        user_id=user_id,
        now=now,
    )
    return correlation


async def find_next(db: Connection, without: Collection[UUID] = ()) -> tuple[UUID, UUID | None] | None:
    """Find the task to be run next, and none of those in `without`: (the id, the id of the parent)."""
    row = await db.fetchrow(NEXT, list(without))
    return None if row is None else (row[0], row[1])


async def find_reanalyses(db: Connection) -> list[tuple[UUID, UUID | None, UUID]]:
    """Find the reanalyses under way: (the id, the id of the parent, the correlation id). Each user has a few at most."""
    return [(row[0], row[1], row[2]) for row in await db.fetch(REANALYSES)]


async def begin(
    db: Connection, id_: UUID, parent_id: UUID | None, host: str, *, now: Millis
) -> RunningTask | None:
    """Lock the task for a step; None when the task has ended meanwhile, or others are at the task or its root."""
    if not await db.fetchval(TRY_TURN, LOCKS, parent_id or id_):
        return None
    if State.RUNNING not in MOVES[await _lock(db, id_, parent_id)]:
        return None
    row = await db.fetchrow(BEGIN, id_, host, now)
    return None if row is None else RunningTask(**row)


async def remember(db: Connection, task: RunningTask, **arguments: Any) -> None:
    """Store the progress of a task."""
    await db.execute(REMEMBER, task.id, arguments)


async def count(db: Connection, task: RunningTask, what: str, number: int) -> None:
    """Add to a count of work done, told in the response context of the task."""
    await db.execute(COUNT, task.id, what, number)


async def take(db: Connection, task: RunningTask, step: Step, *, now: Millis) -> None:
    """Store the state of a task after a step."""
    if step.state is State.WAITING:
        await _move(db, task.id, State.WAITING, step.message, Flag.HAS_SUBTASKS, now=now)
    elif step.state in FINAL:
        await _end(db, task.id, task.parent_id, step.state, step.message, now=now)


async def fail(db: Connection, id_: UUID, parent_id: UUID | None, message: str, *, now: Millis) -> None:
    """End a task that cannot be finished."""
    if State.FAILED in MOVES[await _lock(db, id_, parent_id)]:
        await _end(db, id_, parent_id, State.FAILED, message, now=now)


async def abort(
    db: Connection, id_: UUID, parent_id: UUID | None, by: str, *, now: Millis
) -> tuple[str, dict[str, Any]]:
    """End a task and its sub-tasks before the work is done: (the operation, the arguments).

    Raises `Conflict` when the task has ended.
    """
    state = await _lock(db, id_, parent_id)
    if State.ABORTED not in MOVES[state]:
        raise Conflict(f"The task has ended already: it is {state}.")
    message = f"Aborted by {by}."
    for subtask in await db.fetch(OPEN_SUBTASKS, id_):
        await _move(db, subtask[0], State.ABORTED, message, now=now)
    await _end(db, id_, parent_id, State.ABORTED, message, now=now)
    row: Any = await db.fetchrow(ABORTED, id_)
    return row[0], row[1]


async def _lock(db: Connection, id_: UUID, parent_id: UUID | None) -> State:
    await db.execute(TAKE_TURN, LOCKS, parent_id or id_)
    if parent_id is not None:
        await db.execute(LOCK, parent_id)
    return State(await db.fetchval(LOCK, id_))


async def _end(
    db: Connection, id_: UUID, parent_id: UUID | None, state: State, message: str | None, *, now: Millis
) -> None:
    """End a locked task. The parent ends with the last sub-task."""
    await _move(db, id_, state, message, now=now)
    if parent_id is None or await db.fetch(OPEN_SUBTASKS, parent_id):
        return
    if await db.fetchval(HAS_FAILED, parent_id):
        message = "Not every sub-task was done."
        await _move(db, parent_id, State.FAILED, message, Flag.HAS_FAILED_SUBTASKS, now=now)
    else:
        await _move(db, parent_id, State.DONE, "Every sub-task is done.", now=now)


async def _move(
    db: Connection, id_: UUID, state: State, message: str | None, *flags: Flag, now: Millis
) -> None:
    await MOVE.run(
        db, id=id_, state=state, flags=list(flags), is_final=state in FINAL, message=message, now=now
    )
