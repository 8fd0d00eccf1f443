"""Why a job is not done, in sentences for people and in figures for programs."""

from typing import Literal
from uuid import UUID

import msgspec
from litestar import get

from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.api.jobs import State
from samplebank.http.operation import EXTENSIONS, operation
from samplebank.http.shapes import NoQuery, Shown
from samplebank.jobs.model import TaskState
from samplebank.jobs.queries import get_visible_job
from samplebank.jobs.why import Explanation, TaskFacts, Told, explain
from samplebank.jobs.why_facts import facts_of

CauseName = Literal[
    "workerDeleted",
    "noLiveWorker",
    "leaseEnded",
    "betweenAttempts",
    "workerLate",
    "inLine",
    "runningWithoutLease",
    "running",
    "waitsForChildren",
    "ended",
]


class Attempt(Shown):
    """An attempt that ended without a result."""

    number: int
    reason: str


class WhyTask(Shown):
    """`because`, `next` and `remedy` are sentences. `place` is the place in the customer's line for the worker, from 1."""

    id: UUID
    worker: str
    state: Literal["enqueued", "executing", "success", "failed", "cancelled", "timeout"]
    cause: CauseName
    because: str
    next: str
    attempts: list[Attempt]
    remedy: str | None = None
    place: int | None = None
    estimate_timestamp: int | None = None
    lease_end_timestamp: int | None = None


class WhyResponse(Shown):
    """`cause` and the sentences are those of the task that has the least hope. Without an estimate, nobody can tell.

    `timeoutTimestamp` is when an unfinished job ends with the results so far.
    """

    job_id: UUID = msgspec.field(name="jobID")
    state: State
    cause: CauseName
    because: str
    next: str
    tasks: list[WhyTask]
    remedy: str | None = None
    estimate_timestamp: int | None = None
    timeout_timestamp: int | None = None


@get(
    f"{EXTENSIONS}/job/{{job_id:str}}/why",
    opt=operation("explainJob", Permission.VIEW_JOBS, query=NoQuery, answers=WhyResponse),
)
async def explain_job(request: Call) -> Answer:
    """Explain why a job is not done: the cause, what will happen, what helps, and when the end may come."""
    async with request.bank.database.connection() as db:
        job = await get_visible_job(db, request.caller, request.path("job_id"), Permission.VIEW_JOBS)
        request.read_query(NoQuery)
        facts = await facts_of(db, job, now=request.now)
    return await request.show(explain(facts, request.bank.job_rules, now=request.now), _show)


def _show(told: Explanation, _: Directory) -> WhyResponse:
    return WhyResponse(
        job_id=told.job.id,
        state=told.job.state,  # type: ignore[arg-type]  # the database checks it
        cause=told.told.cause.value,
        because=told.told.because,
        next=told.told.next,
        tasks=[
            _show_task(task, of_task) for (task, _), of_task in zip(told.job.tasks, told.tasks, strict=True)
        ],
        remedy=told.told.remedy,
        estimate_timestamp=told.told.estimate,
        timeout_timestamp=told.times_out,
    )


def _show_task(task: TaskFacts, told: Told) -> WhyTask:
    return WhyTask(
        id=task.id,
        worker=task.worker,
        state=task.state,  # type: ignore[arg-type]  # the database checks it
        cause=told.cause.value,
        because=told.because,
        next=told.next,
        attempts=[
            Attempt(number, reason.removeprefix(f"Attempt {number}: "))
            for number, reason in enumerate(task.reasons, 1)
        ],
        remedy=told.remedy,
        place=task.ahead + 1 if task.state == TaskState.ENQUEUED else None,
        estimate_timestamp=told.estimate,
        lease_end_timestamp=task.lease_until,
    )


ROUTES = [explain_job]
