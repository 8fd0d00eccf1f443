"""Reading jobs and tasks. A job is visible to callers who hold the permission for the customer of the job."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from samplebank.accounts.access import see_customers, sees_row
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Columns, Connection, Sql, Statement, order_by
from samplebank.database.identifiers import find_id
from samplebank.database.listing import Listing
from samplebank.errors import NotFound
from samplebank.jobs.model import Job, Task

JOB = Columns.of(Job, "j", sha256="s.sha256", size="s.size")
JOB_FROM = "job j JOIN sample s ON s.id = j.sample_id"
TASK_SORTS = {
    "worker": "t.worker",
    "state": "t.state",
    "enqueuedTimestamp": "t.enqueued_time",
    "startTimestamp": "t.start_time?",
    "endTimestamp": "t.end_time?",
}
NO_JOB = "There is no job with this id that you may see."
NO_TASK = "There is no task with this id in a job that you may see."


GET_JOB = Statement(f"SELECT {JOB.sql} FROM {JOB_FROM} WHERE j.id = :id")


CUSTOMERS_OF = Statement("SELECT DISTINCT customer_id FROM job WHERE id = ANY(:ids::uuid[])")


async def get_job(db: Connection, id_: UUID) -> Job:
    """Get a job, no matter who asks. Raises `NotFound`."""
    row = await GET_JOB.row(db, id=id_)
    if row is None:
        raise NotFound(NO_JOB)
    return JOB.read(row)


async def get_visible_job(db: Connection, caller: Caller, reference: str, *permissions: Permission) -> Job:
    """Get a job that the caller may see by any of `permissions`. Raises `NotFound`."""
    id_ = find_id(reference)
    if id_ is None:
        raise NotFound(NO_JOB)
    return _visible(await get_job(db, id_), caller, permissions)


def _visible(job: Job, caller: Caller, permissions: Sequence[Permission]) -> Job:
    if not caller.scope(*permissions).covers(job.customer_id):
        raise NotFound(NO_JOB)
    return job


async def visible_among(
    db: Connection, caller: Caller, ids: Iterable[UUID], *permissions: Permission
) -> list[UUID]:
    """The jobs of `ids` that the caller may see by any of `permissions`."""
    see = see_customers(caller, "j.customer_id", *permissions)
    query = Sql("SELECT j.id FROM job j WHERE j.id = ANY({}::uuid[]) AND {}", list(ids), see)
    return [row[0] for row in await query.rows(db)]


async def customers_of(db: Connection, ids: Iterable[UUID]) -> set[int]:
    """The customers of jobs, no matter who asks. Unknown ids are passed over."""
    return {row[0] for row in await CUSTOMERS_OF.rows(db, ids=list(ids))}


def task_columns(caller: Caller) -> Columns[Task]:
    """The columns of a task `t`, with only the analyses visible to the caller."""
    analyses = Sql(
        """
        coalesce((SELECT jsonb_agg(jsonb_build_array(a.id, a.score, a.agent_name, a.agent_version) ORDER BY a.id)
                    FROM job_task_analysis ta JOIN analysis a ON a.id = ta.analysis_id
                   WHERE ta.task_id = t.id AND {}), '[]')
        """,
        sees_row(caller, "a", Permission.VIEW_ANALYSIS),
    )
    return Columns.of(Task, "t", analyses=analyses)


def tasks_of(job_id: UUID, caller: Caller, sort: Sequence[str]) -> Listing[Task]:
    """List the tasks of a job, each with only the analyses visible to the caller."""
    where = Sql("t.job_id = {}", job_id)
    return Listing(task_columns(caller), "job_task t", where, order_by(sort, TASK_SORTS, "t.id"))


async def get_task(db: Connection, job_id: UUID, caller: Caller, reference: str | UUID) -> Task:
    """Get a task of the job, with only the analyses visible to the caller. Raises `NotFound`."""
    id_ = reference if isinstance(reference, UUID) else find_id(reference)
    columns = task_columns(caller)
    query = Sql("SELECT {} FROM job_task t WHERE t.job_id = {} AND t.id = {}", columns.selected, job_id, id_)
    row = await query.row(db)
    if row is None:
        raise NotFound(NO_TASK)
    return columns.read(row)


class PlanOfJob(msgspec.Struct, frozen=True):
    """What the policy chose for a job. `rules` are the contents of the rule versions that took part."""

    job_id: UUID
    workers: list[UUID]
    options: list[dict[str, str]]
    rules: list[dict[str, object]]
    #: the additions of a late file type, as `adding.Replanned` stores
    replanned: dict[str, Any] | None


PLAN = Columns.of(
    PlanOfJob,
    "j",
    job_id="j.id",
    rules="""
        coalesce((SELECT jsonb_agg(v.content ORDER BY chosen.position)
                    FROM jsonb_array_elements(j.rules) WITH ORDINALITY AS chosen(rule, position)
                    JOIN policy_rule_version v
                      ON v.rule_id = (chosen.rule ->> 'id')::uuid
                     AND v.version = (chosen.rule ->> 'version')::int), '[]')
    """,
)
GET_PLAN = Statement(f"SELECT {PLAN.sql} FROM job j WHERE j.id = :job_id")


async def plan_of(db: Connection, job_id: UUID) -> PlanOfJob:
    row = await GET_PLAN.row(db, job_id=job_id)
    if row is None:
        raise NotFound(NO_JOB)
    return PLAN.read(row)


GET_PLANNED = Statement(f"SELECT {JOB.sql}, {PLAN.sql} FROM {JOB_FROM} WHERE j.id = :id")


async def get_planned_job(
    db: Connection, caller: Caller, reference: str, *permissions: Permission
) -> tuple[Job, PlanOfJob]:
    """Get a job as `get_visible_job` does, with what the policy chose, in one statement. Raises `NotFound`."""
    row = await GET_PLANNED.row(db, id=find_id(reference))
    if row is None:
        raise NotFound(NO_JOB)
    columns = tuple(row)
    return _visible(JOB.read(columns[: JOB.width]), caller, permissions), PLAN.read(columns[JOB.width :])
