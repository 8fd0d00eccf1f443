"""The workers: who lives, what waits, how fast the work goes, when a line is cleared."""

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar, Final

import msgspec
from litestar import Response, get
from markupsafe import Markup

from samplebank import timespec
from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.database.tally import HOUR
from samplebank.errors import NotFound
from samplebank.http.operation import operation
from samplebank.http.shapes import NoQuery
from samplebank.jobs.task_times import Times
from samplebank.jobs.waiting import CHILDREN
from samplebank.jobs.worker_history import Ended, History, history_of
from samplebank.jobs.worker_lines import (
    MOST_WAITING,
    Process,
    WorkerLine,
    knows_processes,
    worker_lines,
)
from samplebank.policy.presence import Standing
from samplebank.policy.workers import find_worker
from samplebank.timespec import Millis
from samplebank.web.charts import Bar, bars
from samplebank.web.copying import Copied, of_workers
from samplebank.web.formatting import DASH, duration, number, quoted
from samplebank.web.rendering import Page
from samplebank.web.visit import Visit

#: versions of processes told in a line, and customers that wait longest
MOST_VERSIONS, MOST_CUSTOMERS = 4, 5
NO_WORKER: Final = "There is no analysis worker with this name."
NEVER: Final = "never"
UNKNOWN: Final = "nobody can tell"


class Living(msgspec.Struct, frozen=True):
    """How many processes of a version stand and remark alike."""

    standing: str
    number: int
    version: str | None
    remark: str | None


class ShownLine(msgspec.Struct, frozen=True):
    """The line before a worker. `wait` and `service` tell p50 and p95; `last_seen` is of a worker without life.

    `more_living` counts the processes of kinds beyond those told.
    """

    name: str
    title: str
    is_of_service: bool
    living: list[Living]
    more_living: int
    last_seen: Millis | None
    waiting: int
    is_more: bool
    waiting_since: Millis | None
    executing: int
    rate: str
    at_work: str
    wait: str
    service: str
    failed_day: int
    clears: str


class WaitingLongest(msgspec.Struct, frozen=True):
    customer: str
    since: Millis
    tasks: int


class WorkersPage(Page, frozen=True):
    template: ClassVar[str] = "workers.html"
    section: ClassVar[str] = "workers"

    lines: list[ShownLine]
    copied: Copied
    longest: list[WaitingLongest]
    is_under_way: bool
    may_see_jobs: bool


class ShownProcess(msgspec.Struct, frozen=True):
    """A process of a worker. `label` and `user` are None for visitors who may not see every customer."""

    standing: str
    agent: str | None
    version: str | None
    remark: str | None
    label: str | None
    user: str | None
    first: Millis
    last: Millis


class WorkerPage(Page, frozen=True):
    """`span` says of which time the chart of ended tasks tells."""

    template: ClassVar[str] = "worker.html"
    section: ClassVar[str] = "workers"

    line: ShownLine
    copied: Copied
    description: str
    processes: list[ShownProcess]
    longest: list[WaitingLongest]
    span: str
    ended: Markup
    failed: Markup
    is_under_way: bool
    may_see_jobs: bool


@get("/workers", opt=operation("showWorkers", Permission.VIEW_WORKER))
async def show_workers(request: Visit) -> Response[bytes]:
    """Show each worker, those first for which tasks wait without hope."""
    request.read_query(NoQuery)
    async with request.reading() as db:
        lines = await worker_lines(db, request.caller, now=request.now)
    shown = [_line(line, request.now) for line in lines]
    return request.page(
        WorkersPage(
            copied=of_workers(request.address, "workers"),
            lines=sorted(shown, key=lambda line: (line.clears != NEVER, not line.waiting, line.name)),
            longest=_longest(lines, request.bank.directory),
            is_under_way=any(map(_is_under_way, lines)),
            may_see_jobs=request.caller.holds(Permission.VIEW_JOBS),
        )
    )


@get("/worker/{worker:str}", opt=operation("showWorker", Permission.VIEW_WORKER))
async def show_worker(request: Visit) -> Response[bytes]:
    """Show a worker with its processes, and how the worker did in the last days."""
    request.read_query(NoQuery)
    caller, now = request.caller, request.now
    async with request.reading() as db:
        worker = await find_worker(db, request.path("worker"))
        if worker is None or worker.deleted_time is not None:
            raise NotFound(NO_WORKER)
        lines = await worker_lines(db, caller, now=now)
        line = next(line for line in lines if line.worker_id == worker.id)
        history = await history_of(db, caller, worker.id, now=now)
    sees_jobs = caller.holds(Permission.VIEW_JOBS)
    return request.page(
        WorkerPage(
            copied=of_workers(request.address, f"worker/{quoted(worker.short_name)}"),
            line=_line(line, now),
            description=worker.descriptions.get("english", ""),
            processes=[_process(one, now, in_full=knows_processes(caller)) for one in line.processes],
            longest=_longest([line], request.bank.directory),
            span="by hour, two days" if history.width == HOUR else "by ten minutes, three hours",
            ended=_ended_chart(history, now),
            failed=_failed_chart(history, now, _failures_of(request, line) if sees_jobs else None),
            is_under_way=_is_under_way(line),
            may_see_jobs=sees_jobs,
        )
    )


def _is_under_way(line: WorkerLine) -> bool:
    return bool(line.waiting or line.executing)


def _line(line: WorkerLine, now: Millis) -> ShownLine:
    service, living = line.service, _living(line.processes, now)
    return ShownLine(
        name=line.short_name,
        title=line.name,
        is_of_service=line.short_name == CHILDREN,
        living=living[:MOST_VERSIONS],
        more_living=sum(one.number for one in living[MOST_VERSIONS:]),
        last_seen=line.processes[0].last_time if line.processes else None,
        waiting=line.waiting,
        is_more=line.waiting >= MOST_WAITING,
        waiting_since=line.waiting_since,
        executing=line.executing,
        rate=_short(service.rate),
        at_work=_short(service.at_work),
        wait=_times(service.waits),
        service=_times(service.services),
        failed_day=service.failed_day,
        clears=_clears(line, now),
    )


def _short(value: float) -> str:
    """A number with two digits behind the point, as far as these tell something."""
    if not value:
        return "0"
    if 0 < value < 0.01:  # noqa: PLR2004 the smallest that two digits tell
        return "< 0.01"
    return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"  # noqa: PLR2004 three digits are enough


def _living(processes: Sequence[Process], now: Millis) -> list[Living]:
    """The processes that are not given up, those that live first."""
    counted = Counter((one.standing(now), one.version, one.remark) for one in processes)
    kinds = sorted(
        (kind for kind in counted if kind[0] is not Standing.NONE),
        key=lambda kind: (list(Standing).index(kind[0]), -counted[kind]),
    )
    return [Living(kind[0].value, counted[kind], kind[1], kind[2]) for kind in kinds]


def _times(times: Times) -> str:
    if times.mean is None:
        return DASH
    return f"{duration(times.quantile(0.5))} / {duration(times.quantile(0.95))}"


def _clears(line: WorkerLine, now: Millis) -> str:
    if not line.waiting:
        return DASH
    if line.standing(now) is Standing.NONE:
        return NEVER
    clears_in = line.clears_in(now)
    return UNKNOWN if clears_in is None else duration(clears_in)


def _longest(lines: Sequence[WorkerLine], directory: Directory) -> list[WaitingLongest]:
    """The customers that wait longest in any of the lines."""
    tasks: Counter[int] = Counter()
    since: dict[int, Millis] = {}
    for one in (one for line in lines for one in line.longest):
        tasks[one.customer_id] += one.tasks
        since[one.customer_id] = min(one.since, since.get(one.customer_id, one.since))
    oldest = sorted(since, key=lambda customer: since[customer])[:MOST_CUSTOMERS]
    return [WaitingLongest(directory.customer(id_).short_name, since[id_], tasks[id_]) for id_ in oldest]


def _process(process: Process, now: Millis, *, in_full: bool) -> ShownProcess:
    return ShownProcess(
        standing=process.standing(now).value,
        agent=process.agent_name,
        version=process.version,
        remark=process.remark,
        label=process.label or None if in_full else None,
        user=process.user_name if in_full else None,
        first=process.first_time,
        last=process.last_time,
    )


def _ended_chart(history: History, now: Millis) -> Markup:
    nothing = Ended()

    def bar(begin: Millis) -> Bar:
        ended = history.ended.get(begin, nothing)
        said = f"{timespec.iso(begin)[:16]}Z: {number(ended.number)} tasks ended"
        if ended.number:
            said += f", waited {duration(ended.wait // ended.number)}"
            said += f" and took {duration(ended.service // ended.number)} on average"
        return Bar(ended.number, said)

    begins = range(history.since, now + 1, history.width)
    return bars("Tasks that ended", [bar(begin) for begin in begins], _ends(history.since, now))


def _failed_chart(history: History, now: Millis, link: str | None) -> Markup:
    def bar(begin: Millis) -> Bar:
        failed = history.failed.get(begin, 0)
        said = f"{timespec.iso(begin)[:16]}Z: {number(failed)} tasks failed"
        return Bar(failed, said, link if failed else None)

    begins = range(history.failed_since, now + 1, HOUR)
    return bars("Tasks that failed", [bar(begin) for begin in begins], _ends(history.failed_since, now))


def _ends(since: Millis, now: Millis) -> tuple[str, str]:
    return f"{duration(now - since)} ago", "now"


def _failures_of(request: Visit, line: WorkerLine) -> str:
    return f"{request.root}failures?worker={quoted(line.short_name)}"


ROUTES = [show_workers, show_worker]
