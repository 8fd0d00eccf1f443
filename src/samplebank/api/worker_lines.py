"""The workers as an operator looks at them: who lives, what waits, how fast the work goes, when a line is cleared."""

from functools import partial
from typing import Literal
from uuid import UUID

from litestar import get

from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.api.people import CustomerInfo
from samplebank.database import Page
from samplebank.http.operation import EXTENSIONS, operation
from samplebank.http.shapes import Int64, NoQuery, Shown
from samplebank.jobs import task_times
from samplebank.jobs.worker_lines import (
    MOST_WAITING,
    Process,
    WaitingCustomer,
    WorkerLine,
    knows_processes,
    worker_lines,
)
from samplebank.timespec import Millis

StandingName = Literal["alive", "late", "none"]


class ProcessInfo(Shown):
    """A process of a worker. `remark` is what the process wants operators to know. `label` and `user` are told to callers who may see the workers of every customer."""

    state: StandingName
    first_seen_timestamp: int
    last_seen_timestamp: int
    agent: str | None = None
    version: str | None = None
    remark: str | None = None
    label: str | None = None
    user: str | None = None


class WaitingCustomerInfo(Shown):
    customer: CustomerInfo
    waiting_since_timestamp: int
    tasks: int


class Times(Shown):
    """Milliseconds, by the tasks that ended in the last hour. Half of the tasks took less than `p50`, 19 of 20 less than `p95`.

    `p50` and `p95` may be off by up to a factor of 2. Fields are missing where no task ended.
    """

    mean: Int64 | None = None
    p50: Int64 | None = None
    p95: Int64 | None = None


class WorkerLineResponse(Shown):
    """`waitingTasks` are counted up to 10,000; then `waitingIsMore` is set.

    `ratePerMinute` and `tasksAtWork` are averages over the last hour. `clearsInSeconds` is missing where the line is never
    cleared, as far as anybody knows: without a live worker, or where nothing ended in the last hour.
    """

    id: UUID
    short_name: str
    localized_name: str
    state: StandingName
    processes: list[ProcessInfo]
    waiting_tasks: int
    executing_tasks: int
    rate_per_minute: float
    tasks_at_work: float
    wait_milliseconds: Times
    service_milliseconds: Times
    failures_last_day: int
    longest_waiting_customers: list[WaitingCustomerInfo]
    waiting_is_more: bool = False
    waiting_since_timestamp: int | None = None
    clears_in_seconds: int | None = None


@get(
    f"{EXTENSIONS}/workers",
    opt=operation("listLines", Permission.VIEW_WORKER, query=NoQuery, answers=list[WorkerLineResponse]),
)
async def list_lines(request: Call) -> Answer:
    """Tell of each worker the live processes, the tasks that wait, the times of the last hour, and when the line is cleared.

    Tasks and times are those of the customers whose jobs the caller may see or work on.
    """
    request.read_query(NoQuery)
    async with request.bank.database.connection() as db:
        lines = await worker_lines(db, request.caller, now=request.now)
    show = partial(_show, now=request.now, in_full=knows_processes(request.caller))
    return await request.show_page(lines, Page(len(lines)), len(lines), show)


def _show(line: WorkerLine, directory: Directory, *, now: Millis, in_full: bool) -> WorkerLineResponse:
    service, clears_in = line.service, line.clears_in(now)
    return WorkerLineResponse(
        id=line.worker_id,
        short_name=line.short_name,
        localized_name=line.name,
        state=line.standing(now).value,
        processes=[_show_process(process, now=now, in_full=in_full) for process in line.processes],
        waiting_tasks=line.waiting,
        executing_tasks=line.executing,
        rate_per_minute=round(service.rate, 3),
        tasks_at_work=round(service.at_work, 3),
        wait_milliseconds=_show_times(service.waits),
        service_milliseconds=_show_times(service.services),
        failures_last_day=service.failed_day,
        longest_waiting_customers=[_show_customer(longest, directory) for longest in line.longest],
        waiting_is_more=line.waiting >= MOST_WAITING,
        waiting_since_timestamp=line.waiting_since,
        clears_in_seconds=None if clears_in is None else -(-clears_in // 1000),
    )


def _show_times(times: task_times.Times) -> Times:
    return Times(times.mean, times.quantile(0.5), times.quantile(0.95))


def _show_process(process: Process, *, now: Millis, in_full: bool) -> ProcessInfo:
    return ProcessInfo(
        state=process.standing(now).value,
        first_seen_timestamp=process.first_time,
        last_seen_timestamp=process.last_time,
        agent=process.agent_name,
        version=process.version,
        remark=process.remark,
        label=process.label or None if in_full else None,
        user=process.user_name if in_full else None,
    )


def _show_customer(longest: WaitingCustomer, directory: Directory) -> WaitingCustomerInfo:
    customer = CustomerInfo.of(directory.customer(longest.customer_id))
    return WaitingCustomerInfo(customer, longest.since, longest.tasks)


ROUTES = [list_lines]
