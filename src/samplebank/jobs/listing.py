"""Lists of jobs that match a filter, with their number."""

from collections.abc import Sequence

import msgspec

from samplebank.accounts.access import see_customers
from samplebank.accounts.caller import Caller
from samplebank.accounts.many_customers import lacks_customer
from samplebank.accounts.model import Permission
from samplebank.database import TRUE, Connection, Page, Sql, all_of, one_of, one_of_few, order_by
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


class JobFilter(msgspec.Struct, frozen=True):
    """Each list is any-of; None filters nothing. The filters are and-ed."""

    states: Sequence[str] | None = None
    samples: Sequence[bytes] | None = None
    customers: Sequence[int] | None = None
    times: TimeRange = TimeRange()


class TalliedJobs(Listing[Job]):
    """Jobs whose number the tally tells. The number comes along with each page."""

    def __init__(self, where: Sql, order: str, number: Sql) -> None:
        super().__init__(JOB, JOB_FROM, where, order, number=number)
        self._count: int | None = None

    async def page(self, db: Connection, page: Page) -> list[Job]:
        listed = Sql(
            f"SELECT {{}}, {JOB.sql} FROM {JOB_FROM} WHERE {{}} {self.order} {page.clause()}",
            self.number,
            self.where,
        )
        rows = await listed.rows(db)
        if rows:
            self._count = rows[0][0]
        return [JOB.read(columns) for _, *columns in rows]

    async def count(self, db: Connection, budget: int) -> int:
        return await super().count(db, budget) if self._count is None else self._count


class JobsOfFew(Listing[Job]):
    """Jobs of some customers, who are `owners`. A page gathers all matches where the tally says that the customers have few jobs.

    So the matches are gone through once, not once for the page and once for their number.
    """

    def __init__(self, where: Sql, order: str, owners: Sql) -> None:
        super().__init__(JOB, JOB_FROM, where, order, number=where.count("job j"))
        self._owners = owners
        self._count: int | None = None

    async def page(self, db: Connection, page: Page) -> list[Job]:
        rows = await self._gathered(page).rows(db) if page.limit else []
        if not rows:
            # no job matches, or the customers have more than a few jobs
            return await super().page(db, page)
        self._count = rows[0][0]
        return [JOB.read(columns) for _, *columns in rows]

    async def count(self, db: Connection, budget: int) -> int:
        return await super().count(db, budget) if self._count is None else self._count

    def _gathered(self, page: Page) -> Sql:
        return Sql(
            f"""
            WITH matching AS MATERIALIZED (
                SELECT j.id, j.sample_id, j.customer_id, j.state, j.enqueued_time, j.start_time, j.end_time FROM job j
                 WHERE (SELECT sum(j.n) <= {FEW_JOBS} FROM {TALLY} WHERE {{}}) AND {{}}
            )
            SELECT (SELECT count(*) FROM matching), {JOB.sql}
              FROM (SELECT * FROM matching j {self.order} {page.clause()}) j JOIN sample s ON s.id = j.sample_id
             {self.order}
            """,
            self._owners,
            self.where,
        )


def jobs_matching(caller: Caller, wanted: JobFilter, sort: Sequence[str]) -> Listing[Job]:
    """The jobs that match and that the caller may see.

    The tally knows customers and states, so the tally tells the number where nothing else is asked for.
    """
    order = order_by(sort, JOB_SORTS, "j.id")
    states = TRUE if wanted.states is None else one_of("j.state", "text", wanted.states)
    customers = TRUE if wanted.customers is None else one_of_few("j.customer_id", wanted.customers)
    # last, because conditions are checked in their order, and this condition fails least often
    owners = all_of([customers, see_customers(caller, "j.customer_id", Permission.VIEW_JOBS)])
    where = all_of([wanted.times.condition, _of_samples(wanted.samples), states, owners])
    scope = caller.scope(Permission.VIEW_JOBS)
    named = wanted.customers if wanted.customers is not None or scope.everywhere else scope.customers
    if wanted.samples is None and not wanted.times.is_bounded:
        lacked = lacks_customer(caller, "j.customer_id", Permission.VIEW_JOBS)
        if wanted.customers is None and lacked:
            return TalliedJobs(where, order, all_but(states, lacked))
        return TalliedJobs(where, order, number_in(TOTAL if named is None else TALLY, where))
    if wanted.samples is None and named is not None and len(named) <= FEW_CUSTOMERS:
        return JobsOfFew(where, order, owners)
    return Listing(JOB, JOB_FROM, where, order, number=where.count("job j"))


def _of_samples(samples: Sequence[bytes] | None) -> Sql:
    if samples is None:
        return TRUE
    ids = "ARRAY(SELECT id FROM sample WHERE sha256 = ANY({}::bytea[]))"
    return Sql(f"j.sample_id = ANY({ids})", list(samples))
