"""Plans: why a job has its workers. A plan shows the rules that chose the workers, in the versions of that time."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal
from uuid import UUID

import msgspec
from litestar import get

from samplebank.accounts.caller import Caller, sees_customer
from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.api.jobs import visible_job
from samplebank.api.policy.default import AnalysisWorkerInfo, AnalysisWorkerOptionResponse
from samplebank.http.operation import EXTENSIONS, operation
from samplebank.http.shapes import NoQuery, Shown
from samplebank.jobs import adding
from samplebank.jobs.queries import PlanOfJob, plan_of
from samplebank.jobs.workload import last_seen
from samplebank.policy.model import Worker
from samplebank.policy.workers import workers_by_id
from samplebank.timespec import Millis


class PlanRule(Shown):
    id: UUID
    version: int
    name: str
    description: str
    matches: Literal["customer", "classification", "submission"]
    on: list[str]


class PlannedWorker(Shown):
    """Without `lastSeenTimestamp` the worker has never asked for work."""

    id: UUID
    short_name: str
    localized_name: str
    last_seen_timestamp: int | None = None


class Replanned(Shown):
    """The type of the file came after the job was opened. `workers` are the short names of the workers added then.

    With `previousJobID`, the job for which the workers were chosen at first had ended. The tasks of that job came along.
    """

    timestamp: int
    type: str
    super_type: str
    workers: list[str]
    previous_job_id: UUID | None = msgspec.field(name="previousJobID", default=None)


class JobPlanResponse(Shown):
    """When `rules` is empty, the default policy alone chose."""

    job_id: UUID = msgspec.field(name="jobID")
    workers: list[PlannedWorker]
    options: list[AnalysisWorkerOptionResponse]
    rules: list[PlanRule]
    replanned: Replanned | None = None


@get(
    f"{EXTENSIONS}/job/{{job_id:str}}/plan",
    opt=operation("getJobPlan", Permission.VIEW_JOBS, query=NoQuery, answers=JobPlanResponse),
)
async def get_plan(request: Call) -> Answer:
    """Explain the workers and options of a job."""
    job = await visible_job(request)
    request.read_query(NoQuery)
    async with request.bank.database.connection() as db:
        plan = await plan_of(db, job.id)
        known = await workers_by_id(db, plan.workers)
        seen = await last_seen(db, plan.workers)
    return await request.show((plan, known, seen), partial(_show, request.caller))


def _show(
    caller: Caller, row: tuple[PlanOfJob, dict[UUID, Worker], dict[UUID, Millis]], directory: Directory
) -> JobPlanResponse:
    plan, known, seen = row
    return JobPlanResponse(
        job_id=plan.job_id,
        workers=[_show_worker(known[id_], seen.get(id_)) for id_ in plan.workers],
        options=[AnalysisWorkerOptionResponse(option["key"], option["value"]) for option in plan.options],
        rules=[show_rule(content, caller, directory) for content in plan.rules],
        replanned=None if plan.replanned is None else show_late_type(plan.replanned, known),
    )


def show_late_type(stored: dict[str, Any], known: Mapping[UUID, Worker]) -> Replanned:
    late = msgspec.convert(stored, adding.Replanned)
    return Replanned(
        timestamp=late.time,
        type=late.type,
        super_type=late.super_type,
        workers=[known[worker].short_name for worker in late.workers],
        previous_job_id=late.previous_job,
    )


def _show_worker(worker: Worker, seen: Millis | None) -> PlannedWorker:
    info = AnalysisWorkerInfo.of(worker)
    return PlannedWorker(
        id=info.id, short_name=info.short_name, localized_name=info.localized_name, last_seen_timestamp=seen
    )


def show_rule(content: Any, caller: Caller, directory: Directory) -> PlanRule:
    """Show the criteria of the rule. Customers that the caller may not know are left out."""
    match = content["match"]
    customers = [directory.customer(id_) for id_ in match["customers"]]
    on = [
        *(f"customer {c.id}" for c in customers if sees_customer(caller, c, Permission.VIEW_JOBS)),
        *(f"type {name}" for name in match["types"]),
        *(f"superType {name}" for name in match["super_types"]),
        *(f"metaData {key}={value}" for key in match["meta_keys"] for value in match["meta_values"]),
    ]
    return PlanRule(
        id=UUID(content["id"]),
        version=content["version"],
        name=content["name"],
        description=content["description"],
        matches=match["kind"],
        on=on,
    )


ROUTES = [get_plan]
