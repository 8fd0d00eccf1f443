"""How many jobs wait, run, and are late, and which workers tasks wait for in vain."""

from collections.abc import Sequence
from typing import NamedTuple

from samplebank.accounts.access import see_customers
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Sql, all_of
from samplebank.database.tally import HOUR
from samplebank.jobs.tally import TALLY, TOTAL, number_in
from samplebank.jobs.waiting import CHILDREN
from samplebank.jobs.worker_lines import works_for
from samplebank.policy.presence import GIVEN_UP
from samplebank.timespec import Millis

#: milliseconds after which an unfinished job is late
LATE = HOUR
#: late jobs, and tasks of a worker, that are counted
MOST = 1_000
UNDER_WAY = """
    SELECT {waiting}, {running},
           (SELECT count(*) FROM (SELECT FROM job j
                                   WHERE j.state IN ('enqueued', 'executing') AND j.enqueued_time < {late} AND {seen}
                                   LIMIT {most}) late),
           (SELECT coalesce(jsonb_agg(jsonb_build_object('worker', short_name, 'tasks', n) ORDER BY n DESC, short_name), '[]') FROM (
               SELECT w.short_name, (SELECT count(*) FROM (
                          SELECT FROM job_task t WHERE t.worker_id = w.id AND t.state = 'enqueued' AND {task_seen}
                           LIMIT {most}) waiting) AS n
                 FROM worker w
                WHERE w.deleted_time IS NULL AND w.short_name <> {own}
                  AND NOT EXISTS (SELECT FROM worker_process p
                                   WHERE p.worker_id = w.id AND p.due_time >= {living} AND {works_for})) line
             WHERE n > 0)
"""


class InVain(NamedTuple):
    """A worker that nobody runs, and the number of tasks that wait for the worker, counted up to `MOST`."""

    worker: str
    tasks: int


class UnderWay(NamedTuple):
    """Numbers of jobs, and workers that tasks wait for in vain. Jobs that are late are counted up to `MOST`."""

    waiting: int = 0
    running: int = 0
    late: int = 0
    in_vain: Sequence[InVain] = ()


async def numbers_by_state(db: Connection, caller: Caller) -> dict[str, int]:
    """The number of jobs in each state, of the customers whose jobs the caller may see: exact, by the tally."""
    tally = TOTAL if caller.scope(Permission.VIEW_JOBS).everywhere else TALLY
    seen = see_customers(caller, "j.customer_id", Permission.VIEW_JOBS)
    query = Sql(f"SELECT j.state, sum(j.n)::bigint FROM {tally} WHERE {{}} GROUP BY j.state", seen)
    return {str(state): int(number) for state, number in await query.rows(db)}


async def under_way(db: Connection, caller: Caller, *, now: Millis) -> UnderWay:
    """Tell what is under way, of the customers whose jobs the caller may see."""
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
        task_seen=see_customers(caller, "t.customer_id", Permission.VIEW_JOBS),
        most=MOST,
        living=now - GIVEN_UP,
        works_for=works_for(caller),
        own=CHILDREN,
    )
    waiting, running, late, in_vain = await query.row(db)
    return UnderWay(waiting, running, late, [InVain(**one) for one in in_vain])
