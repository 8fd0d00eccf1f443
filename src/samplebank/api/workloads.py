"""Workloads: the tasks of each worker, and when each worker was last seen."""

from uuid import UUID

from litestar import get

from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.database import Page
from samplebank.http.operation import EXTENSIONS, operation
from samplebank.http.shapes import NoQuery, Shown
from samplebank.jobs.workload import Workload, workloads


class WorkloadResponse(Shown):
    """Without `lastSeenTimestamp` the worker has never asked for work."""

    id: UUID
    short_name: str
    localized_name: str
    localized_description: str
    waiting_tasks: int
    executing_tasks: int
    last_seen_timestamp: int | None = None
    waiting_since_timestamp: int | None = None


@get(
    f"{EXTENSIONS}/worker",
    opt=operation("listWorkloads", Permission.VIEW_WORKER, query=NoQuery, answers=list[WorkloadResponse]),
)
async def list_workloads(request: Call) -> Answer:
    """Count the tasks of each worker, and tell when the worker was last seen, to the minute."""
    request.read_query(NoQuery)
    async with request.bank.database.connection() as db:
        rows = await workloads(db, request.caller)
    return await request.show_page(rows, Page(len(rows)), len(rows), _show)


def _show(row: Workload, _: Directory) -> WorkloadResponse:
    return WorkloadResponse(
        id=row.worker_id,
        short_name=row.short_name,
        localized_name=row.name,
        localized_description=row.description,
        waiting_tasks=row.waiting,
        executing_tasks=row.executing,
        last_seen_timestamp=row.seen_time,
        waiting_since_timestamp=row.waiting_since,
    )


ROUTES = [list_workloads]
