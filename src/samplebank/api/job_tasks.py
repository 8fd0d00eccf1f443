"""Tasks of jobs: list, fetch, update."""

from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Response, get, put
from msgspec import Meta

from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.api.jobs import visible_job
from samplebank.api.people import UserAgent
from samplebank.database.identifiers import find_id
from samplebank.database.signals import Signal
from samplebank.endings import updates
from samplebank.errors import Refusal, invalid
from samplebank.http.operation import V2, operation
from samplebank.http.shapes import (
    Body,
    NoQuery,
    PageQuery,
    Several,
    Shown,
    Unique,
    unless_given,
)
from samplebank.http.streaming import Streamed
from samplebank.jobs import queries
from samplebank.jobs.model import Task, TaskState
from samplebank.jobs.progress import Move

TaskSort = Literal[
    "worker",
    "state",
    "enqueuedTimestamp",
    "startTimestamp",
    "endTimestamp",
    "-worker",
    "-state",
    "-enqueuedTimestamp",
    "-startTimestamp",
    "-endTimestamp",
]


class AnalysisInfo(Shown):
    id: UUID
    analysis_score: int
    user_agent: UserAgent


class JobTaskResponse(Shown):
    id: UUID
    worker: str
    state: Literal["enqueued", "executing", "success", "failed", "cancelled", "timeout"]
    enqueued_timestamp: int
    analyses: Unique[AnalysisInfo]
    start_timestamp: int | None = None
    end_timestamp: int | None = None
    message: str | None = None


class TaskListQuery(PageQuery):
    sort_by: Annotated[list[TaskSort] | None, unless_given(["worker"])] = None


class JobTaskUpdateRequest(Body):
    state: Literal["executing", "success", "failed", "cancelled"]
    analyses: Several[UUID] | None = None
    message: Annotated[str, Meta(max_length=100_000)] | None = None


def show_task(task: Task, _: Directory) -> JobTaskResponse:
    analyses = [
        AnalysisInfo(id=id_, analysis_score=score, user_agent=UserAgent(name, version))  # type: ignore[arg-type]  # built by the query
        for id_, score, name, version in task.analyses
    ]
    state: Any = task.state
    return JobTaskResponse(
        id=task.id,
        worker=task.worker,
        state=state,
        enqueued_timestamp=task.enqueued_time,
        analyses=analyses,
        start_timestamp=task.start_time,
        end_timestamp=task.end_time,
        message=task.message,
    )


@get(
    f"{V2}/job/{{job_id:str}}/tasks",
    opt=operation("listJobTasks", Permission.VIEW_JOBS, query=TaskListQuery, answers=list[JobTaskResponse]),
)
async def list_tasks(request: Call) -> Response[bytes] | Streamed:
    """List the tasks of a job, by worker unless sorted otherwise."""
    job = await visible_job(request)
    query = request.read_query(TaskListQuery)
    return await request.show_list(
        queries.tasks_of(job.id, request.caller, query.sort_by or ["worker"]), query.page(), show_task
    )


@get(
    f"{V2}/job/{{job_id:str}}/task/{{task_id:str}}",
    opt=operation("getJobTask", Permission.VIEW_JOBS, query=NoQuery, answers=JobTaskResponse),
)
async def get_task(request: Call) -> Answer:
    job = await visible_job(request)
    async with request.bank.database.connection() as db:
        task = await queries.get_task(db, job.id, request.caller, request.path("task_id"))
    request.read_query(NoQuery)
    return await request.show(task, show_task)


@put(
    f"{V2}/job/{{job_id:str}}/task/{{task_id:str}}",
    opt=operation(
        "updateJobTask",
        Permission.UPDATE_JOB,
        query=NoQuery,
        body=JobTaskUpdateRequest,
        answers=JobTaskResponse,
        by_claims=True,
    ),
)
async def update_task(request: Call) -> Answer:
    """Move a task on. The last task to end also ends the job and settles the verdict."""
    document = await request.document(JobTaskUpdateRequest)
    bank, job, task = request.bank, request.path("job_id"), request.path("task_id")
    try:
        request.read_query(NoQuery)
        move = _read_move(request, document.read(request.now))
    except Refusal:
        # an unknown task is told before the mistakes of the update
        async with bank.database.connection() as db:
            await updates.look(db, request.caller, job, task)
        raise
    updating = partial(
        updates.update_task,
        caller=request.caller,
        job=job,
        task=task,
        move=move,
        rules=bank.job_rules,
        now=request.now,
    )
    moved, ended = await bank.database.optimistically(updating)
    if ended:
        bank.signals.send(Signal.VERDICTS)
    if (job_id := find_id(job)) is not None:
        bank.signals.tell(job_id)
    return await request.show(moved, show_task)


def _read_move(request: Call, data: JobTaskUpdateRequest) -> Move:
    lease, given = None, request.header(b"samplebank-lease")
    if given is not None and (lease := find_id(given.strip())) is None:
        raise invalid(
            "Samplebank-Lease",
            "The header Samplebank-Lease must be the lease token of a claim, or be left out.",
        )
    return Move(to=TaskState(data.state), analyses=data.analyses, message=data.message, lease=lease)


ROUTES = [list_tasks, get_task, update_task]
