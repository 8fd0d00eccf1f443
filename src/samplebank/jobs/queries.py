"""Reading jobs and tasks. A job is visible to those who hold the permission for its customer."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from samplebank.accounts.access import Caller, lacks_customer, see_customers, sees_row
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Page, Statement, Where, order_by
from samplebank.database.identifiers import find_id
from samplebank.database.listing import Listing
from samplebank.errors import NotFound
from samplebank.jobs.model import Job, Task
from samplebank.jobs.tally import TALLY, TOTAL, all_but, number_in
from samplebank.timespec import Millis

JOB_COLUMNS = "j.id, s.sha256, s.size, j.customer_id, j.state, j.enqueued_time, j.start_time, j.end_time"
JOB_FROM = "job j JOIN sample s ON s.id = j.sample_id"
JOB_SORTS = {
    "enqueuedTimestamp": "j.enqueued_time",
    "state": "j.state",
    "startTimestamp": "j.start_time?",
    "endTimestamp": "j.end_time?",
}
JOB_TIMES = {
    "enqueuedTimestamp": "j.enqueued_time",
    "startTimestamp": "j.start_time",
    "endTimestamp": "j.end_time",
}
#: customers for which the tally is asked whether they have few jobs, and how many that is
FEW_CUSTOMERS = 20
FEW_JOBS = 10_000
# A page of the jobs that match, with their number: they are gone through once, not once for each. No row where the
# customers have more than a few jobs.
GATHERED = f"""
    WITH matching AS MATERIALIZED (
        SELECT j.id, j.sample_id, j.customer_id, j.state, j.enqueued_time, j.start_time, j.end_time FROM job j
         WHERE (SELECT sum(j.n) <= {FEW_JOBS} FROM {TALLY} WHERE {{owned}}) AND {{where}}
    )
    SELECT (SELECT count(*) FROM matching), {JOB_COLUMNS}
      FROM (SELECT * FROM matching j {{order}} {{page}}) j JOIN sample s ON s.id = j.sample_id {{order}}
"""
TASK_COLUMNS = """
    t.id, t.worker, t.state, t.enqueued_time, t.start_time, t.end_time, t.message,
    coalesce((SELECT jsonb_agg(jsonb_build_array(a.id, a.score, a.agent_name, a.agent_version) ORDER BY a.id)
                FROM job_task_analysis ta JOIN analysis a ON a.id = ta.analysis_id
               WHERE ta.task_id = t.id AND {seen}), '[]')
"""
TASK_SORTS = {
    "worker": "t.worker",
    "state": "t.state",
    "enqueuedTimestamp": "t.enqueued_time",
    "startTimestamp": "t.start_time?",
    "endTimestamp": "t.end_time?",
}
NO_JOB = "There is no job with this id that you may see."
NO_TASK = "There is no task with this id in a job that you may see."


class TimeRange(msgspec.Struct, frozen=True):
    """Rows match when any (or all) of `fields` are set and lie in [start, end); an open bound is None."""

    start: Millis | None = None
    end: Millis | None = None
    fields: tuple[str, ...] = ()
    every: bool = False

    @property
    def is_bounded(self) -> bool:
        return self.start is not None or self.end is not None

    def add_to(self, where: Where) -> None:
        """Add the condition; `fields` are column expressions by now."""
        if not self.is_bounded:
            return
        conditions = []
        for column in self.fields:
            bounds = []
            if self.start is not None:
                bounds.append(f"{column} >= {where.value(self.start)}")
            if self.end is not None:
                bounds.append(f"{column} < {where.value(self.end)}")
            conditions.append(f"({' AND '.join(bounds)})")
        where.conditions.append((" AND " if self.every else " OR ").join(conditions))


class JobFilter(msgspec.Struct, frozen=True):
    """Each list is any-of; None filters nothing. The filters are and-ed."""

    states: Sequence[str] | None = None
    samples: Sequence[bytes] | None = None
    customers: Sequence[int] | None = None
    times: TimeRange = TimeRange()


class JobListing(Listing[Job]):
    """Jobs whose number comes along with each page where that is cheap.

    With `tallied` it is the answer to that query. With `owned`, the condition on some customers, the matches are
    gathered at once if the tally says that these have few jobs.
    """

    def __init__(self, where: Where, sort: Sequence[str], *, tallied: str | None, owned: str | None) -> None:
        super().__init__(
            JOB_COLUMNS, JOB_FROM, where, order_by(sort, JOB_SORTS, "j.id"), Job, counted="job j"
        )
        self._tallied = tallied
        self._owned = owned
        self._count: int | None = None

    async def page(self, db: Connection, page: Page) -> list[Job]:
        rows = []
        if self._tallied is not None:
            listed = f"{JOB_COLUMNS} FROM {JOB_FROM} WHERE {self.where.sql} {self.order} {page.clause()}"
            rows = await db.fetch(f"SELECT ({self._tallied}), {listed}", *self.where.parameters)
        elif self._owned is not None and page.limit:
            query = GATHERED.format(
                owned=self._owned, where=self.where.sql, order=self.order, page=page.clause()
            )
            rows = await db.fetch(query, *self.where.parameters)
        if not rows:
            # there are none, or no cheap way to tell how many
            return [] if self._tallied is not None else await super().page(db, page)
        self._count = rows[0][0]
        return [Job(*columns) for _, *columns in rows]

    async def count(self, db: Connection, budget: int) -> int:
        return await super().count(db, budget) if self._count is None else self._count

    def _counting(self) -> tuple[str, list[Any]]:
        return super()._counting() if self._tallied is None else (self._tallied, self.where.parameters)


def jobs_matching(caller: Caller, wanted: JobFilter, sort: Sequence[str]) -> Listing[Job]:
    """The jobs that match and that the caller may see."""
    where = Where()
    wanted.times.add_to(where)
    if wanted.samples is not None:
        where.add(
            "j.sample_id = ANY(ARRAY(SELECT id FROM sample WHERE sha256 = ANY({}::bytea[])))",
            list(wanted.samples),
        )
    can_tally = not where.conditions
    if wanted.states is not None:
        where.add("j.state = ANY({}::text[])", list(wanted.states))
    others, on_others = len(where.conditions), where.sql
    if wanted.customers is not None:
        where.add_one_of("j.customer_id", wanted.customers)
    # last, because conditions are checked in their order, and this one fails least often
    see_customers(where, caller, "j.customer_id", Permission.VIEW_JOBS)
    scope = caller.scope(Permission.VIEW_JOBS)
    named = wanted.customers if wanted.customers is not None or scope.everywhere else scope.customers
    if can_tally:
        lacked = lacks_customer(caller, "j.customer_id", Permission.VIEW_JOBS)
        if wanted.customers is None and lacked:
            tallied = all_but(on_others, lacked)
        else:
            tallied = f"SELECT {number_in(TOTAL if named is None else TALLY, where.sql)}"
        return JobListing(where, sort, tallied=tallied, owned=None)
    can_ask = wanted.samples is None and named is not None and len(named) <= FEW_CUSTOMERS
    return JobListing(
        where, sort, tallied=None, owned=" AND ".join(where.conditions[others:]) if can_ask else None
    )


GET_JOB = Statement(f"SELECT {JOB_COLUMNS} FROM {JOB_FROM} WHERE j.id = :id")


async def get_job(db: Connection, id_: UUID) -> Job:
    """The job, whoever asks."""
    row = await GET_JOB.row(db, id=id_)
    if row is None:
        raise NotFound(NO_JOB)
    return Job(*row)


async def get_visible_job(db: Connection, caller: Caller, reference: str, *permissions: Permission) -> Job:
    """The job, if the caller may see it by any of `permissions`; else raises `NotFound`."""
    id_ = find_id(reference)
    if id_ is None:
        raise NotFound(NO_JOB)
    job = await get_job(db, id_)
    if not caller.scope(*permissions).covers(job.customer_id):
        raise NotFound(NO_JOB)
    return job


def tasks_of(job_id: UUID, caller: Caller, sort: Sequence[str]) -> Listing[Task]:
    """The tasks of a job, each with those of its analyses that the caller may see."""
    where = Where()
    where.add("t.job_id = {}", job_id)
    columns = TASK_COLUMNS.format(seen=sees_row(where, caller, "a", Permission.VIEW_ANALYSIS))
    return Listing(columns, "job_task t", where, order_by(sort, TASK_SORTS, "t.id"), Task)


async def get_task(db: Connection, job_id: UUID, caller: Caller, reference: str | UUID) -> Task:
    """A task of the job, with those of its analyses that the caller may see; raises `NotFound`."""
    where = Where()
    where.add("t.job_id = {}", job_id)
    where.add("t.id = {}", reference if isinstance(reference, UUID) else find_id(reference))
    columns = TASK_COLUMNS.format(seen=sees_row(where, caller, "a", Permission.VIEW_ANALYSIS))
    row = await db.fetchrow(f"SELECT {columns} FROM job_task t WHERE {where.sql}", *where.parameters)
    if row is None:
        raise NotFound(NO_TASK)
    return Task(*row)


class PlanOfJob(msgspec.Struct, frozen=True):
    """What the policy made of the cause of a job; `rules` are the contents of the versions that took part."""

    job_id: UUID
    workers: list[UUID]
    options: list[dict[str, str]]
    rules: list[dict[str, object]]


PLAN = """
    SELECT j.id, j.workers, j.options,
           coalesce((SELECT jsonb_agg(v.content ORDER BY chosen.position)
                       FROM jsonb_array_elements(j.rules) WITH ORDINALITY AS chosen(rule, position)
                       JOIN policy_rule_version v
                         ON v.rule_id = (chosen.rule ->> 'id')::uuid
                        AND v.version = (chosen.rule ->> 'version')::int), '[]')
      FROM job j WHERE j.id = $1
"""


async def plan_of(db: Connection, job_id: UUID) -> PlanOfJob:
    row = await db.fetchrow(PLAN, job_id)
    if row is None:
        raise NotFound(NO_JOB)
    return PlanOfJob(*row)
