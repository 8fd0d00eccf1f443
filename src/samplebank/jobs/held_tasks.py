"""Tasks that are held: whoever has the token of the lease extends the lease, or gives the task back."""

from uuid import UUID

import msgspec

from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Connection
from samplebank.database.identifiers import find_id
from samplebank.errors import Conflict, Forbidden, NotFound
from samplebank.timespec import Millis

LOCK_TASK = """
    SELECT id, job_id, attempt, lease_token, reasons, worker_id FROM job_task WHERE id = $1 FOR UPDATE
"""
FIND_JOB = "SELECT job_id, customer_id, claimed_by FROM job_task WHERE id = $1"
EXTEND = "UPDATE job_task SET lease_until = $2 WHERE id = $1"
GIVE_BACK = """
    UPDATE job_task SET state = 'enqueued', lease_token = NULL, lease_until = NULL, claimed_by = NULL, run_after = $2,
           reasons = reasons || $3::text
     WHERE id = $1
"""
GIVE_BACK_UNCOUNTED = """
    UPDATE job_task SET state = 'enqueued', lease_token = NULL, lease_until = NULL, claimed_by = NULL, run_after = $2,
           attempt = attempt - 1
     WHERE id = $1
"""
NO_TASK = "There is no task with this id that you may see."
LOST = "The lease of this task is lost: another worker may have it by now."


class HeldTask(msgspec.Struct, frozen=True):
    """A task whose lease has been checked. The task and the job are locked."""

    id: UUID
    job_id: UUID
    attempt: int
    reasons: list[str]
    worker_id: UUID


async def find_job_of(db: Connection, caller: Caller, reference: str) -> UUID:
    """Find the job of a task that the caller may work on.

    Raises `NotFound`; raises `Forbidden` if the caller may only look.
    """
    id_ = find_id(reference)
    row = id_ and await db.fetchrow(FIND_JOB, id_)
    may_move = row and caller.may_move(row["customer_id"], row["claimed_by"])
    if not row or not (may_move or caller.may(Permission.VIEW_JOBS, row["customer_id"])):
        raise NotFound(NO_TASK)
    if not may_move:
        raise Forbidden("You do not hold the permission updateAnalysisJob for the customer of this task.")
    job_id: UUID = row["job_id"]
    return job_id


async def hold(db: Connection, task_id: str, token: UUID) -> HeldTask:
    """Lock the task with the lease `token`. Raises `Conflict` when the lease is lost. The job is locked already."""
    row = await db.fetchrow(LOCK_TASK, find_id(task_id))
    if row is None:
        raise NotFound(NO_TASK)
    if row["lease_token"] != token:
        raise Conflict(LOST)
    return HeldTask(row["id"], row["job_id"], row["attempt"], row["reasons"], row["worker_id"])


async def extend(db: Connection, task: HeldTask, until: Millis) -> None:
    await db.execute(EXTEND, task.id, until)


async def give_back(db: Connection, task: HeldTask, reason: str, run_after: Millis) -> None:
    """Put a task back into the queue, to be handed out at `run_after` or later."""
    await db.execute(GIVE_BACK, task.id, run_after, said(task, reason))


async def give_back_uncounted(db: Connection, task: HeldTask, run_after: Millis) -> None:
    """As `give_back`, with as many attempts left as before the claim."""
    await db.execute(GIVE_BACK_UNCOUNTED, task.id, run_after)


def said(task: HeldTask, reason: str) -> str:
    """The reason of an attempt, in the words of the message of a task that fails in the end."""
    return f"Attempt {task.attempt}: {reason}"
