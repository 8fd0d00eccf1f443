"""A job: why the job is not done, the way of each task, and what chose the workers."""

from collections.abc import Sequence
from typing import ClassVar, Final
from uuid import UUID

import msgspec
from litestar import Response, get
from markupsafe import Markup

from samplebank.accounts.model import Permission
from samplebank.api.policy.plans import PlanRule, Replanned, show_late_type, show_rule
from samplebank.database import Connection
from samplebank.http.operation import operation
from samplebank.http.shapes import NoQuery
from samplebank.jobs import queries
from samplebank.jobs.model import Job, Task
from samplebank.jobs.queries import PlanOfJob
from samplebank.jobs.why import Cause, Explanation, Told, explain
from samplebank.jobs.why_facts import facts_with_tasks
from samplebank.policy.workers import workers_by_id
from samplebank.search.sightings import find_name_of_job
from samplebank.timespec import Millis
from samplebank.web.charts import lane
from samplebank.web.copying import Copied, of_job
from samplebank.web.rendering import Page
from samplebank.web.visit import Visit
from samplebank.web.way import way_of

#: tasks that the page shows
MOST_TASKS: Final = 200


class ShownTask(msgspec.Struct, frozen=True):
    """A task with its way. `told` is what the task waits for, None for a task that has ended."""

    task: Task
    way: Markup
    told: Told | None
    reasons: Sequence[str]


class JobPage(Page, frozen=True):
    """`why` is None for a job that ended well. `late` is what a file type that came late changed."""

    template: ClassVar[str] = "job.html"
    section: ClassVar[str] = "jobs"

    job: Job
    sha256: str
    customer: str
    name: str | None
    why: Explanation | None
    tasks: list[ShownTask]
    more_tasks: int
    rules: list[PlanRule]
    options: list[dict[str, str]]
    late: Replanned | None
    copied: Copied


@get("/job/{job_id:str}", opt=operation("showJob", Permission.VIEW_JOBS))
async def show_job(request: Visit) -> Response[bytes]:
    """Show a job and its tasks."""
    request.read_query(NoQuery)
    caller = request.caller
    async with request.reading() as db:
        job, plan = await queries.get_planned_job(db, caller, request.path("job_id"), Permission.VIEW_JOBS)
        facts, tasks = await facts_with_tasks(db, caller, job, now=request.now)
        name = await find_name_of_job(db, caller, job.id)
        late = await _late(db, plan)
    why = explain(facts, request.bank.job_rules, now=request.now)
    directory = request.bank.directory
    return request.page(
        JobPage(
            job=job,
            sha256=job.sha256.hex(),
            customer=directory.customer(job.customer_id).short_name,
            name=name,
            why=None if job.end_time is not None and why.told.remedy is None else why,
            tasks=_shown(job, _in_order(tasks)[:MOST_TASKS], why, request.now),
            more_tasks=max(0, len(tasks) - MOST_TASKS),
            rules=[show_rule(content, caller, directory) for content in plan.rules],
            options=plan.options,
            late=late,
            copied=of_job(request.address, str(job.id)),
        )
    )


async def _late(db: Connection, plan: PlanOfJob) -> Replanned | None:
    """What a file type changed that came late. Takes a statement only where a type came late."""
    if plan.replanned is None:
        return None
    return show_late_type(plan.replanned, await workers_by_id(db, plan.workers))


def _in_order(tasks: Sequence[Task]) -> list[Task]:
    return sorted(tasks, key=lambda task: (task.enqueued_time, task.worker, task.id))


def _shown(job: Job, tasks: Sequence[Task], why: Explanation, now: Millis) -> list[ShownTask]:
    """The tasks, with their ways on one scale of time."""
    told: dict[UUID, tuple[Sequence[str], Told]] = {
        facts.id: (facts.reasons, of_task)
        for (facts, _), of_task in zip(why.job.tasks, why.tasks, strict=True)
    }
    end = job.end_time or now
    nothing: tuple[Sequence[str], Told | None] = ((), None)
    shown = []
    for task in tasks:
        reasons, of_task = told.get(task.id, nothing)
        is_open = of_task is not None and of_task.cause is not Cause.ENDED
        way = lane(job.enqueued_time, end, way_of(task, end))
        shown.append(ShownTask(task, way, of_task if is_open else None, reasons))
    return shown


ROUTES = [show_job]
