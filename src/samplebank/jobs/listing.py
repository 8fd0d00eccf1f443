"""Lists of jobs that match a filter, with their number."""

from collections.abc import Sequence
from typing import Any

import msgspec

from samplebank.accounts.access import see_customers
from samplebank.accounts.caller import Caller
from samplebank.accounts.many_customers import lacks_customer
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Page, Where, order_by
from samplebank.database.listing import Listing
from samplebank.database.times import TimeRange
from samplebank.jobs.model import Job
from samplebank.jobs.queries import JOB, JOB_FROM
from samplebank.jobs.tally import TALLY, TOTAL, all_but, number_in

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
    SELECT (SELECT count(*) FROM matching), {JOB.sql}
      FROM (SELECT * FROM matching j {{order}} {{page}}) j JOIN sample s ON s.id = j.sample_id {{order}}
"""


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
        super().__init__(JOB, JOB_FROM, where, order_by(sort, JOB_SORTS, "j.id"), counted="job j")
        self._tallied = tallied
        self._owned = owned
        self._count: int | None = None

    async def page(self, db: Connection, page: Page) -> list[Job]:
        rows = []
        if self._tallied is not None:
            listed = f"{JOB.sql} FROM {JOB_FROM} WHERE {self.where.sql} {self.order} {page.clause()}"
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
        return [JOB.read(columns) for _, *columns in rows]

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
