"""The lines before the workers: what waits, for whom, who works, how fast, and when a line is cleared.

Everything is read by three statements, however long the lines are.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec

from samplebank.accounts.access import see_customers
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import TRUE, Columns, Connection, Sql
from samplebank.jobs.task_times import WORKED_ON, Service, of_caller, services
from samplebank.jobs.waiting import CHILDREN
from samplebank.policy.presence import Presence, Standing
from samplebank.timespec import Millis

#: the most tasks of a line, and of a customer in a line, that are counted
MOST_WAITING, MOST_OF_CUSTOMER = 10_000, 1_000
#: the most customers of a line that are looked at, and the customers told of a line: those who wait longest
MOST_CUSTOMERS, TOLD_CUSTOMERS = 1_000, 3
SINCE = """
    coalesce((SELECT first.enqueued_time FROM job_task first
               WHERE first.worker_id = t.worker_id AND first.customer_id = t.customer_id AND first.state = 'enqueued'
                 AND first.enqueued_time + first.shift > 0
               ORDER BY first.enqueued_time + first.shift LIMIT 1), t.enqueued_time)
"""
# `head`: each customer in each line, and since when the customer waits. Each look into the index finds one customer. Tasks
# for which somebody waits come first, and so tell little of the others: these count only where nothing else waits.
LINES = f"""
    WITH RECURSIVE head(worker_id, customer_id, since, place) AS (
        SELECT w.id, first.*, 1 FROM worker w CROSS JOIN LATERAL (
            SELECT t.customer_id, {SINCE} FROM job_task t
             WHERE t.worker_id = w.id AND t.state = 'enqueued' AND {{seen}}
             ORDER BY t.customer_id, t.enqueued_time + t.shift LIMIT 1) first
         WHERE w.deleted_time IS NULL
        UNION ALL
        SELECT head.worker_id, following.*, head.place + 1 FROM head CROSS JOIN LATERAL (
            SELECT t.customer_id, {SINCE} FROM job_task t
             WHERE t.worker_id = head.worker_id AND t.state = 'enqueued' AND t.customer_id > head.customer_id AND {{seen}}
             ORDER BY t.customer_id, t.enqueued_time + t.shift LIMIT 1) following
         WHERE head.place < {MOST_CUSTOMERS}
    ), longest AS (
        SELECT worker_id, customer_id, since FROM (
            SELECT *, row_number() OVER (PARTITION BY worker_id ORDER BY since, customer_id) AS rank FROM head) ranked
         WHERE rank <= {TOLD_CUSTOMERS}
    ), customers AS (
        SELECT l.worker_id, min(l.since) AS since,
               jsonb_agg(jsonb_build_object('customer_id', l.customer_id, 'since', l.since, 'tasks', (
                   SELECT count(*) FROM (
                       SELECT FROM job_task t WHERE t.worker_id = l.worker_id AND t.state = 'enqueued'
                                                AND t.customer_id = l.customer_id LIMIT {MOST_OF_CUSTOMER}) of_customer
               )) ORDER BY l.since, l.customer_id) AS longest
          FROM longest l GROUP BY l.worker_id
    ), executing AS (
        SELECT t.worker_id, count(*) AS n FROM job_task t WHERE t.lease_until IS NOT NULL AND {{seen}} GROUP BY t.worker_id
    )
    SELECT w.id AS worker_id, w.short_name, coalesce(w.names ->> 'english', w.short_name) AS name,
           (SELECT count(*) FROM (SELECT FROM job_task t WHERE t.worker_id = w.id AND t.state = 'enqueued' AND {{seen}}
                                   LIMIT {MOST_WAITING}) counted) AS waiting,
           customers.since AS waiting_since, coalesce(executing.n, 0) AS executing,
           coalesce(customers.longest, '[]'::jsonb) AS longest
      FROM worker w LEFT JOIN customers ON customers.worker_id = w.id LEFT JOIN executing ON executing.worker_id = w.id
     WHERE w.deleted_time IS NULL ORDER BY w.short_name
"""
PROCESSES = """
    SELECT {} FROM worker_process p LEFT JOIN subject u ON u.id = p.user_id WHERE {} ORDER BY p.last_time DESC
"""


class Process(msgspec.Struct, frozen=True):
    """A process of a worker, by the last sign of life. What the process remarks stands behind a blank in `agent_version`."""

    worker_id: UUID
    label: str
    user_name: str | None
    agent_name: str | None
    agent_version: str | None
    first_time: Millis
    last_time: Millis
    due_time: Millis

    @property
    def version(self) -> str | None:
        return (self.agent_version or "").partition(" ")[0] or None

    @property
    def remark(self) -> str | None:
        return (self.agent_version or "").partition(" ")[2] or None

    def standing(self, now: Millis) -> Standing:
        return Presence(self.last_time, self.due_time).standing(now)


class WaitingCustomer(NamedTuple):
    """A customer in a line. The tasks are counted up to `MOST_OF_CUSTOMER`."""

    customer_id: int
    since: Millis
    tasks: int


class WorkerLine(msgspec.Struct, frozen=True):
    """The line before a worker, for the customers that the caller may see. `waiting` is counted up to `MOST_WAITING`."""

    worker_id: UUID
    short_name: str
    name: str
    waiting: int
    waiting_since: Millis | None
    executing: int
    longest: Sequence[WaitingCustomer]
    processes: Sequence[Process]
    service: Service

    def standing(self, now: Millis) -> Standing:
        """How the worker stands: as the process that stands best. The service itself works for `children`."""
        if self.short_name == CHILDREN:
            return Standing.ALIVE
        found = {process.standing(now) for process in self.processes}
        return next((standing for standing in Standing if standing in found), Standing.NONE)

    def clears_in(self, now: Millis) -> Millis | None:
        """How many milliseconds the line takes at the rate of the last hour. None for never, as far as anybody knows."""
        if not self.waiting:
            return 0
        if self.standing(now) is Standing.NONE or not self.service.ended:
            return None
        return round(60_000 * self.waiting / self.service.rate)


PROCESS = Columns.of(Process, "p", user_name="u.short_name")


async def worker_lines(db: Connection, caller: Caller, *, now: Millis) -> list[WorkerLine]:
    """Get the line before each worker, for the customers whose jobs the caller may see or work on."""
    seen = see_customers(caller, "t.customer_id", *WORKED_ON)
    done = await services(db, of_caller(caller), now=now)
    return await _lines(db, seen, works_for(caller), done)


async def lines_of_everybody(db: Connection, done: Mapping[UUID, Service]) -> list[WorkerLine]:
    """Get the line before each worker, for all customers together. `done` is how each worker did."""
    return await _lines(db, TRUE, TRUE, done)


async def _lines(
    db: Connection, seen: Sql, works_for_them: Sql, done: Mapping[UUID, Service]
) -> list[WorkerLine]:
    rows = await Sql(LINES, seen=seen).rows(db)
    of_worker: dict[UUID, list[Process]] = {}
    for row in await Sql(PROCESSES, PROCESS.selected, works_for_them).rows(db):
        process = PROCESS.read(row)
        of_worker.setdefault(process.worker_id, []).append(process)
    idle = Service(1)
    lines = []
    for row in rows:
        told = dict(row)
        id_ = told["worker_id"]
        longest = [WaitingCustomer(**one) for one in told.pop("longest")]
        processes, service = of_worker.get(id_, []), done.get(id_, idle)
        lines.append(WorkerLine(**told, longest=longest, processes=processes, service=service))
    return lines


def works_for(caller: Caller) -> Sql:
    """The processes that may take tasks of any customer whose jobs the caller may see."""
    scope = caller.scope(*WORKED_ON)
    if scope.everywhere:
        return TRUE
    return Sql("(p.customers IS NULL OR p.customers && {}::bigint[])", sorted(scope.customers))


def knows_processes(caller: Caller) -> bool:
    """Whether the caller is told the names of processes and the users behind the processes: who sees every customer."""
    return caller.scope(Permission.VIEW_WORKER).everywhere
