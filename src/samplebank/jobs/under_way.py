"""How many jobs wait, run, and are late, and which workers tasks wait for in vain."""

from typing import NamedTuple

from samplebank.accounts.access import see_customers
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Sql, all_of
from samplebank.database.tally import HOUR
from samplebank.jobs.tally import TALLY, TOTAL, number_in
from samplebank.jobs.worker_lines import works_for
from samplebank.policy.presence import GIVEN_UP
from samplebank.timespec import Millis

#: milliseconds after which an unfinished job is late
LATE = HOUR
#: late jobs, and tasks of a worker, that are counted
MOST = 1_000
UNDER_WAY = """
    SELECT {waiting}, {running},
           (SELECT count(*) FROM (SELECT FROM job j WHERE j.end_time IS NULL AND j.enqueued_time < {late} AND {seen}
                                   LIMIT {most}) late)
"""
IN_VAIN = """
    SELECT w.short_name, (SELECT count(*) FROM (SELECT FROM job_task t WHERE t.worker_id = w.id AND t.state = 'enqueued'
                                                  AND {seen} LIMIT {most}) waiting) AS n
      FROM worker w
     WHERE w.deleted_time IS NULL
       AND EXISTS (SELECT FROM job_task t WHERE t.worker_id = w.id AND t.state = 'enqueued' AND {seen})
       AND NOT EXISTS (SELECT FROM worker_process p WHERE p.worker_id = w.id AND p.due_time >= {living} AND {works_for})
     ORDER BY n DESC, w.short_name
"""


class UnderWay(NamedTuple):
    """Numbers of jobs. Those that are late are counted up to `MOST`."""

    waiting: int
    running: int
    late: int


class InVain(NamedTuple):
    """A worker that nobody runs, and the number of tasks that wait for the worker, counted up to `MOST`."""

    worker: str
    tasks: int


async def under_way(db: Connection, caller: Caller, *, now: Millis) -> UnderWay:
    """Count the jobs that are under way, of the customers whose jobs the caller may see."""
    seen = see_customers(caller, "j.customer_id", Permission.VIEW_JOBS)
    tally = TOTAL if caller.scope(Permission.VIEW_JOBS).everywhere else TALLY

    def of_state(state: str) -> Sql:
        return number_in(tally, all_of([Sql("j.state = {}", state), seen]))

    query = Sql(
        UNDER_WAY,
        waiting=of_state("enqueued"),
        running=of_state("executing"),
        late=now - LATE,
        seen=seen,
        most=MOST,
    )
    return UnderWay(*await query.row(db))


async def in_vain(db: Connection, caller: Caller, *, now: Millis) -> list[InVain]:
    """Find the workers without a live process for which tasks wait, of the customers whose jobs the caller may see."""
    query = Sql(
        IN_VAIN,
        seen=see_customers(caller, "t.customer_id", Permission.VIEW_JOBS),
        most=MOST,
        living=now - GIVEN_UP,
        works_for=works_for(caller),
    )
    return [InVain(*row) for row in await query.rows(db)]
