"""The facts from which `why` explains a job."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from samplebank.accounts.caller import Caller
from samplebank.database import Columns, Connection, Sql
from samplebank.jobs.model import Job, Task
from samplebank.jobs.queries import task_columns
from samplebank.jobs.task_times import Service, of_customer, services
from samplebank.jobs.why import MOST_AHEAD, JobFacts, TaskFacts, WorkerFacts
from samplebank.policy.presence import Presence
from samplebank.timespec import Millis

PRESENCE = Columns.of(Presence, "process")
TASK = Columns.of(
    TaskFacts,
    "t",
    worker_is_deleted="w.deleted_time IS NOT NULL",
    # Customers take turns in the line of a worker, so the line of the customer tells more than the line of all.
    ahead=f"""
        CASE WHEN t.state <> 'enqueued' THEN 0 ELSE (SELECT count(*) FROM (
            SELECT FROM job_task other
             WHERE other.worker_id = t.worker_id AND other.customer_id = t.customer_id AND other.state = 'enqueued'
               AND (other.enqueued_time + other.shift, other.id) < (t.enqueued_time + t.shift, t.id) LIMIT {MOST_AHEAD}) line) END
    """,
)
NOTHING = Sql("")
# The process that has to give the next sign last stands for all processes that may take tasks of the customer.
TASKS = f"""
    SELECT EXISTS (SELECT FROM untyped_plan u WHERE u.sample_id = t.sample_id AND u.job_id = {{job_id}}), t.worker_id,
           {PRESENCE.sql}, {TASK.sql}{{more}}
      FROM job_task t JOIN worker w ON w.id = t.worker_id
      LEFT JOIN LATERAL (
          SELECT p.last_time, p.due_time FROM worker_process p
           WHERE p.worker_id = t.worker_id AND (p.customers IS NULL OR t.customer_id = ANY (p.customers))
           ORDER BY p.due_time DESC LIMIT 1) process ON TRUE
     WHERE t.job_id = {{job_id}} ORDER BY t.worker, t.id
"""


async def facts_of(db: Connection, job: Job, *, now: Millis) -> JobFacts:
    """Get the facts about a job that the caller may see. The lines and the rates are those of the customer of the job."""
    return await _facts(db, job, [tuple(row) for row in await _tasks(job).rows(db)], now=now)


async def facts_with_tasks(
    db: Connection, caller: Caller, job: Job, *, now: Millis
) -> tuple[JobFacts, list[Task]]:
    """As `facts_of`, with the tasks in the order of the facts, each with only the analyses visible to the caller."""
    shown = task_columns(caller)
    rows = [tuple(row) for row in await _tasks(job, Sql(", {}", shown.selected)).rows(db)]
    return await _facts(db, job, rows, now=now), [shown.read(row[-shown.width :]) for row in rows]


def _tasks(job: Job, more: Sql = NOTHING) -> Sql:
    return Sql(TASKS, job_id=job.id, more=more)


async def _facts(db: Connection, job: Job, rows: Sequence[Sequence[Any]], *, now: Millis) -> JobFacts:
    # An ended job waits for nobody, however fast the workers are.
    done = await services(db, of_customer(job.customer_id), now=now) if job.end_time is None else {}
    return JobFacts(
        id=job.id,
        state=job.state,
        enqueued_time=job.enqueued_time,
        start_time=job.start_time,
        end_time=job.end_time,
        awaits_type=any(row[0] for row in rows),
        tasks=[_read(row, done) for row in rows],
    )


def _read(row: Sequence[Any], done: Mapping[UUID, Service]) -> tuple[TaskFacts, WorkerFacts]:
    worker_id, columns = row[1], row[2:]
    service = done.get(worker_id)
    presence = PRESENCE.read(columns[: PRESENCE.width])
    worker = WorkerFacts(presence, service and service.rate, service and service.services.mean)
    return TASK.read(columns[PRESENCE.width : PRESENCE.width + TASK.width]), worker
