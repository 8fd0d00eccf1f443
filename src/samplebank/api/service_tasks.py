"""Service tasks: ask for reindexing, follow and abort service tasks of every kind."""

from collections.abc import Iterable
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post

from samplebank.accounts.caller import unseen
from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api import envelope
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.api.people import UserInfo
from samplebank.api.repeated_requests import repeatable
from samplebank.audit.model import Kind
from samplebank.database import Page
from samplebank.database.signals import Signal
from samplebank.database.times import TimeRange
from samplebank.errors import Violations
from samplebank.http.guard import administers
from samplebank.http.operation import V2, operation
from samplebank.http.reader import read_range
from samplebank.http.shapes import (
    ASKED_FOR,
    Body,
    Limit,
    NoQuery,
    Offset,
    PageQuery,
    Several,
    Shown,
    Time,
    Unique,
)
from samplebank.http.streaming import Streamed
from samplebank.service_tasks import model, operations, queries, running
from samplebank.service_tasks.queries import TIMES, TaskFilter

TASKS = f"{V2}/servicetask"
State = Literal["pending", "running", "waitingForSubtasks", "done", "failed", "aborted"]
TimeField = Literal["all", "createdTimestamp", "executionTimestamp", "finishedTimestamp"]


class SampleServiceTaskResponse(Shown):
    correlation_id: UUID = msgspec.field(name="correlationID")


class ServiceTask_ServiceTaskInfo(Shown):  # noqa: N801 the name in the contract
    id: UUID
    state: State


class ServiceTask_Message(Shown):  # noqa: N801 the name in the contract
    message: str
    timestamp: int


class ServiceTask(Shown):
    id: UUID
    correlation_id: UUID = msgspec.field(name="correlationID")
    operation: str
    state: State
    flags: Unique[Literal["hasSubtasks", "hasFailedSubtasks", "hasFinalizationStage"]]
    response_messages: list[ServiceTask_Message]
    response_context: dict[str, str]
    created_by_user: UserInfo
    created_timestamp: int
    execution_timestamp: int | None = None
    finished_timestamp: int | None = None
    worker_host: str | None = None
    parent_task: ServiceTask_ServiceTaskInfo | None = None
    root_task: ServiceTask_ServiceTaskInfo | None = None


class SampleResourceReindexRequest(Body):
    # The contract requires `dataCenter` and `resource`, and gives a default for both. Requests without them get the
    # defaults.
    data_center: Annotated[Literal["all", "osl", "svg"], ASKED_FOR] = "all"
    resource: Annotated[Literal["all", "sample", "submission"], ASKED_FOR] = "sample"
    reversed: bool | None = True
    start_timestamp: Time = None
    end_timestamp: Time = None


class ServiceTaskQuery(PageQuery):
    state: Unique[State] | None = None
    operation: Unique[str] | None = None
    user: Unique[str] | None = None
    parent_task: Unique[UUID] | None = None


class ServiceTaskSearchRequest(Body):
    limit: Limit = 25
    offset: Offset = 0
    state: Several[State] | None = None
    operation: Several[str] | None = None
    user: Several[int | str] | None = None
    parent_task: Several[UUID] | None = None
    root_task: Several[UUID] | None = None
    correlation_id: Several[UUID] | None = msgspec.field(name="correlationID", default=None)
    worker_host: Several[str] | None = None
    start_timestamp: Time = None
    end_timestamp: Time = None
    time_field_strategy: Several[TimeField] | None = None
    time_match_strategy: Literal["any", "all"] | None = None


def show_task(row: model.ServiceTask, directory: Directory) -> ServiceTask:
    return ServiceTask(
        id=row.id,
        correlation_id=row.correlation_id,
        operation=row.operation,
        state=row.state,  # type: ignore[arg-type]  # the database checks it
        flags=row.flags,  # type: ignore[arg-type]  # the names of the contract
        response_messages=[ServiceTask_Message(**message) for message in row.messages],
        response_context=row.context,
        created_by_user=UserInfo.of(directory.subject(row.user_id)),
        created_timestamp=row.created_time,
        execution_timestamp=row.execution_time,
        finished_timestamp=row.finished_time,
        worker_host=row.host,
        parent_task=_show_ancestor(row.parent),
        root_task=_show_ancestor(row.root),
    )


def _show_ancestor(ancestor: model.Ancestor | None) -> ServiceTask_ServiceTaskInfo | None:
    if ancestor is None:
        return None
    return ServiceTask_ServiceTaskInfo(ancestor.id, ancestor.state)  # type: ignore[arg-type]  # as above


@post(
    f"{TASKS}/reindex",
    opt=operation(
        "reindexResources",
        Permission.REINDEX,
        query=NoQuery,
        body=SampleResourceReindexRequest,
        answers=SampleServiceTaskResponse,
        installation_wide=True,
        keyed=True,
    ),
    status_code=200,
)
@repeatable
async def reindex(request: Call) -> Answer:
    """Ask for the search data of a time to be rebuilt. Everything stays readable meanwhile."""
    document = await request.document(SampleResourceReindexRequest)
    request.read_query(NoQuery)
    data = document.read(request.now)
    violations = Violations()
    start, end = read_range(violations, data.start_timestamp, data.end_timestamp, request.now)
    violations.raise_if_any()
    wanted = {"resource": data.resource, "start": start, "end": end, "reversed": data.reversed is not False}
    async with request.bank.database.transaction() as db:
        correlation_id = await running.open_task(
            db, model.Operation.REINDEX, wanted, user_id=request.caller.user.id, now=request.now
        )
        await request.record(db, target=correlation_id, details=wanted)
    request.bank.signals.send(Signal.SERVICE_TASKS)
    return envelope.single(SampleServiceTaskResponse(correlation_id))


@get(TASKS, opt=operation("listTasks", query=ServiceTaskQuery, answers=list[ServiceTask]))
async def list_tasks(request: Call) -> Response[bytes] | Streamed:
    """List the caller's service tasks, newest first. Administrators of the installation see all service tasks."""
    query = request.read_query(ServiceTaskQuery)
    violations = Violations()
    users = users_to_filter(request, violations, query.user)
    violations.raise_if_any()
    wanted = TaskFilter(
        states=query.state or None,
        operations=query.operation or None,
        users=users,
        parents=query.parent_task or None,
    )
    listing = queries.tasks_matching(request.caller, wanted, sees_all=_sees_all(request))
    return await request.show_list(listing, query.page(), show_task)


@post(
    f"{TASKS}/search",
    opt=operation(
        "searchTasks", query=NoQuery, body=ServiceTaskSearchRequest, answers=list[ServiceTask], act=Kind.READ
    ),
    status_code=200,
)
async def search_tasks(request: Call) -> Response[bytes] | Streamed:
    """List the service tasks that the caller may see and that match every given filter, newest first."""
    document = await request.document(ServiceTaskSearchRequest)
    request.read_query(NoQuery)
    wanted = document.read(request.now)
    filter_ = read_filter(request, wanted)
    listing = queries.tasks_matching(request.caller, filter_, sees_all=_sees_all(request))
    return await request.show_list(listing, Page(wanted.limit, wanted.offset), show_task)


@get(f"{TASKS}/{{task_id:str}}", opt=operation("getTask", query=NoQuery, answers=list[ServiceTask]))
async def get_task(request: Call) -> Answer:
    """Get a service task, as a list with a single item: so the contract says."""
    row = await _visible_task(request)
    request.read_query(NoQuery)
    return await request.show_page([row], Page(), 1, show_task)


@delete(
    f"{TASKS}/{{task_id:str}}",
    opt=operation("abortTask", query=NoQuery, answers=ServiceTask),
    status_code=200,
)
async def abort_task(request: Call) -> Answer:
    """Abort a service task and its sub-tasks at the point reached. Finished work stays done."""
    row = await _visible_task(request)
    request.read_query(NoQuery)
    async with request.bank.database.transaction() as db:
        await operations.abort(db, row.id, row.parent_id, request.caller.user.short_name, now=request.now)
        await request.record(db, target=row.id)
    request.bank.signals.tell(row.correlation_id)
    return await request.show(await _visible_task(request), show_task)


async def _visible_task(request: Call) -> model.ServiceTask:
    async with request.bank.database.connection() as db:
        return await queries.get_visible_task(
            db, request.caller, request.path("task_id"), sees_all=_sees_all(request)
        )


def _sees_all(request: Call) -> bool:
    """Whether the caller administers the installation, and so may see and abort the tasks of others."""
    return administers(request, Permission.REINDEX)


def users_to_filter(
    request: Call, violations: Violations, references: Iterable[int | str] | None
) -> list[int] | None:
    """Find the users that a filter names. Unknown and invisible users become violations of `user`, in the same words.

    A caller sees the caller's own user. A caller who sees the tasks of others sees all users.
    """
    found = []
    for position, reference in enumerate(references or ()):
        subject = request.bank.directory.find_subject(reference)
        if subject is not None and subject.id != request.caller.user.id and not _sees_all(request):
            subject = None
        if subject is None or subject.kind != "user":
            violations.add(f"user[{position}]", unseen("user", reference))
        else:
            found.append(subject.id)
    return found or None


def read_filter(request: Call, wanted: ServiceTaskSearchRequest) -> TaskFilter:
    """Read the filter of a search. Raises `Invalid` with every violation."""
    violations = Violations()
    start, end = read_range(violations, wanted.start_timestamp, wanted.end_timestamp, request.now)
    users = users_to_filter(request, violations, wanted.user)
    violations.raise_if_any()
    names = set(wanted.time_field_strategy or ["all"])
    fields = tuple(column for name, column in TIMES.items() if name in names or "all" in names)
    return TaskFilter(
        states=wanted.state or None,
        operations=wanted.operation or None,
        users=users,
        parents=wanted.parent_task or None,
        roots=wanted.root_task or None,
        correlations=wanted.correlation_id or None,
        hosts=wanted.worker_host or None,
        times=TimeRange(start=start, end=end, fields=fields, every=wanted.time_match_strategy == "all"),
    )


ROUTES = [reindex, list_tasks, search_tasks, get_task, abort_task]
