"""The steps of each operation of service tasks, and the repair after an abort."""

from collections.abc import Mapping
from uuid import UUID

from samplebank.database import Connection
from samplebank.service_tasks import deletion, reanalysing, reindexing, running
from samplebank.service_tasks.model import Operation, State, Stepping, Tools
from samplebank.timespec import Millis

STEPS: Mapping[Operation, Stepping] = {
    Operation.DELETE: deletion.step,
    Operation.REINDEX: reindexing.plan,
    Operation.REINDEX_SLICE: reindexing.step,
    Operation.REANALYSE: reanalysing.step,
}


async def run_step(
    db: Connection, id_: UUID, parent_id: UUID | None, host: str, tools: Tools, *, now: Millis
) -> State | None:
    """Run the next step of a task; answers the state after the step.

    None when there is nothing to do: the task rests, has ended, or is in the hands of another host.
    """
    task = await running.begin(db, id_, parent_id, host, now=now)
    if task is None:
        return None
    step = await STEPS[Operation(task.operation)](db, task, tools, now)
    await running.take(db, task, step, now=now)
    return None if step.rests else step.state


async def abort(db: Connection, id_: UUID, parent_id: UUID | None, by: str, *, now: Millis) -> None:
    """End a task and its sub-tasks before the work is done. Raises `Conflict` when the task has ended."""
    operation, arguments = await running.abort(db, id_, parent_id, by, now=now)
    if operation == Operation.DELETE:
        await deletion.repair(db, arguments, now=now)
