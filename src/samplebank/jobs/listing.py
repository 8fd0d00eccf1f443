"""Lists of jobs that match a filter, with their number."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from samplebank.accounts.access import see_customers
from samplebank.accounts.caller import Caller
from samplebank.accounts.many_customers import lacks_customer
from samplebank.accounts.model import Permission
from samplebank.database import TRUE, Connection, Page, Shape, Sql, all_of, one_of, one_of_few
from samplebank.database.counting import Count, count_rows
from samplebank.database.listing import OrderedListing, TalliedListing
from samplebank.database.ordering import Branch, Key, Order
from samplebank.database.planning import SERIAL, planned
from samplebank.database.times import TimeRange
from samplebank.jobs.model import Job
from samplebank.jobs.queries import JOB, JOB_FROM
from samplebank.jobs.ranges import ENQUEUED, Beyond, Ranged
from samplebank.jobs.rare_sides import JobsOfSides, Side, of_types, of_workers
from samplebank.jobs.tally import TALLY, TOTAL, all_but, number_in

JOB_SORTS = {
    "enqueuedTimestamp": ENQUEUED,
    "state": Key("j.state", "text", field="state"),
    "startTimestamp": Key("j.start_time", may_be_null=True, field="start_time"),
    "endTimestamp": Key("j.end_time", may_be_null=True, field="end_time"),
}
JOB_TIMES = {
    "enqueuedTimestamp": "j.enqueued_time",
    "startTimestamp": "j.start_time",
    "endTimestamp": "j.end_time",
}
#: orders by state, within which the jobs of a state are in the order of their times
BY_STATE = (("state", "enqueuedTimestamp"), ("-state", "-enqueuedTimestamp"))
#: customers for which the tally is asked whether they have few jobs, and how many that is
FEW_CUSTOMERS = 20
FEW_JOBS = 10_000
#: matches that are counted along with a page; more matches are counted by themselves
MOST_ALONG = 2_000
#: columns of the jobs that are gathered: an index of the jobs of a customer has these, so that no row is read
GATHERED = "j.id, j.sample_id, j.customer_id, j.state, j.enqueued_time, j.start_time, j.end_time"


class JobFilter(msgspec.Struct, frozen=True):
    """Each list is any-of; None filters nothing. The filters are and-ed."""

    states: Sequence[str] | None = None
    samples: Sequence[bytes] | None = None
    customers: Sequence[int] | None = None
    times: TimeRange = TimeRange()
    #: short names of workers that have a task of the job
    workers: Sequence[str] | None = None
    #: file types of the sample, as far as the caller may see the sample
    types: Sequence[str] | None = None

    @property
    def knows_tally(self) -> bool:
        """Whether the tally of jobs can tell the number: it knows states and customers."""
        return (
            self.samples is None and self.workers is None and self.types is None and not self.times.is_bounded
        )


EVERYTHING = JobFilter()
NUMBER_OF_ALL = number_in(TOTAL, TRUE)


class JobsOfRange(OrderedListing[Job]):
    """Jobs of a time range, which are found part by part.

    With `counts_along` a page comes with the number of up to `MOST_ALONG` matches: for conditions that an index has, so that no
    more than the matches are read.
    """

    def __init__(
        self, ranged: Ranged, order: Order, states: Sequence[str] | None, *, counts_along: bool
    ) -> None:
        super().__init__(JOB, JOB_FROM, ranged.where, order)
        self._ranged = ranged
        self._states = states
        self._counts_along = counts_along and ranged.is_told_by(ENQUEUED)
        #: the jobs beyond the range by the time of enqueuing, where a page has looked these up
        self._beyond: Beyond | None = None

    async def page(self, db: Connection, page: Page) -> list[Job]:
        # the best plan depends on how wide the range is
        async with planned(db, *SERIAL):
            counts, rows = await self._rows(db, page)
        if not counts:
            return list(map(self.columns.read, rows))
        if rows and rows[0][0] <= MOST_ALONG:
            self._count = Count(rows[0][0])
        return [self.columns.read(row[1:]) for row in rows]

    async def _rows(self, db: Connection, page: Page) -> tuple[bool, list[Any]]:
        """The rows on a page, and whether the number is the first column of each."""
        key = self._time
        beyond = Beyond() if key is None else await self._ranged.beyond(db, key)
        self._beyond = beyond if key is ENQUEUED else None
        by = self.by._replace(branches=() if key is None else self._parts(key, beyond))
        where = self._ranged.others if by.branches else self._ranged.where
        counts = self._counts_along and key is ENQUEUED and len(by.branches) == 1
        selected = Sql("{}, {}", self._number, self.columns.selected) if counts else self.columns.selected
        return counts, await by.rows(selected, self.source, where, page).rows(db)

    async def count(self, db: Connection, budget: float) -> Count:
        if self._count is not None:
            return self._count
        if self._beyond is None:
            async with planned(db, *SERIAL):
                self._beyond = await self._ranged.beyond(db, ENQUEUED)
        return await count_rows(db, self._ranged.matches(self._beyond), budget)

    @property
    def _time(self) -> Key | None:
        """The time that the parts are in the order of; None for a list that is sorted by several keys of choice."""
        if self.by.names in BY_STATE:
            return ENQUEUED
        return JOB_SORTS[self.by.names[0].removeprefix("-")] if len(self.by.names) == 1 else None

    def _parts(self, key: Key, beyond: Beyond) -> tuple[Branch, ...]:
        descends = self.by.names[0].startswith("-")
        if self.by.names in BY_STATE:
            return self._ranged.by_state(self._states, beyond, descends=descends)
        return self._ranged.by_time(key, beyond, descends=descends)

    @property
    def _number(self) -> Sql:
        """The number of the matches within the range, at most one more than come along."""
        matches = self._ranged.matches(Beyond())
        return Sql(f"(SELECT count(*) FROM ({{}} LIMIT {MOST_ALONG + 1}) counted)", matches)


class JobsOfFew(OrderedListing[Job]):
    """Jobs of some customers, who are `owners`. A page gathers all matches where the tally says that the customers have few jobs.

    So the matches are gone through once, not once for the page and once for their number. Else the list is as `otherwise`.
    """

    def __init__(self, otherwise: OrderedListing[Job], owners: Sql) -> None:
        super().__init__(JOB, JOB_FROM, otherwise.where, otherwise.by)
        self._otherwise = otherwise
        self._few = all_of(
            [Sql(f"(SELECT sum(j.n) <= {FEW_JOBS} FROM {TALLY} WHERE {{}})", owners), self.where]
        )

    def show_as(self, columns: Shape[Job]) -> None:
        super().show_as(columns)
        self._otherwise.show_as(columns)

    async def page(self, db: Connection, page: Page) -> list[Job]:
        rows = await self._gathered(page).rows(db) if page.limit and page.after is None else []
        if not rows:
            # no job matches, or the customers have more than a few jobs
            return await self._otherwise.page(db, page)
        self._count = Count(rows[0][0])
        return [self.columns.read(row[1:]) for row in rows]

    async def count(self, db: Connection, budget: float) -> Count:
        return self._count or await self._otherwise.count(db, budget)

    def _gathered(self, page: Page) -> Sql:
        """The rows on a page, each behind the number of matches."""
        gathered = Sql(f"WITH matching AS MATERIALIZED (SELECT {GATHERED} FROM job j WHERE {{}}) ", self._few)
        number = Sql("(SELECT count(*) FROM matching)")
        return Sql("{} {}", gathered, self._sorted(number, Sql("SELECT * FROM matching j"), page))

    def _sorted(self, number: Sql, matching: Sql, page: Page) -> Sql:
        """As `_gathered`, for an expression for the number and a query for the matches `j`."""
        return Sql(
            f"""
            SELECT {{}}, {{}} FROM ({{}} {self.order} {page.clause()}) j JOIN sample s ON s.id = j.sample_id
             {self.order}
            """,
            number,
            self.columns.selected,
            matching,
        )


class TalliedJobsOfFew(JobsOfFew):
    """As `JobsOfFew`, where the tally tells the number of matches: the matches need not be kept to be counted.

    Jobs of one customer come as an index has these, in the direction of the order: most later jobs of a list need one comparison then.
    """

    def __init__(self, otherwise: TalliedListing[Job], owners: Sql, *, is_of_one: bool) -> None:
        super().__init__(otherwise, owners)
        self._number = otherwise.number
        self._is_of_one = is_of_one

    def _gathered(self, page: Page) -> Sql:
        matching = Sql(f"SELECT {GATHERED} FROM job j WHERE {{}}", self._few)
        if self._is_of_one:
            way = "DESC" if self.by.names[0].startswith("-") else "ASC"
            matching = Sql(f"SELECT * FROM ({{}} ORDER BY j.enqueued_time {way}, j.id {way}) j", matching)
        return self._sorted(self._number, matching, page)


class AllJobs(TalliedListing[Job]):
    """All jobs, for callers who see every job. The query for a first page holds no values, so that each is written once."""

    def __init__(self, order: Order) -> None:
        super().__init__(JOB, JOB_FROM, TRUE, order, NUMBER_OF_ALL)

    def numbered(self, page: Page) -> Sql:
        if page.offset or page.after is not None or self.columns is not JOB:
            return super().numbered(page)
        return _first_page(self.by.names, page.limit)


@lru_cache(256)
def _first_page(names: tuple[str, ...], limit: int) -> Sql:
    query = TalliedListing(JOB, JOB_FROM, TRUE, _order(names), NUMBER_OF_ALL)
    return query.numbered(Page(limit))


def jobs_matching(caller: Caller, wanted: JobFilter, sort: Sequence[str]) -> OrderedListing[Job]:
    """The jobs that match and that the caller may see.

    The tally knows customers and states, so the tally tells the number where nothing else is asked for.
    """
    order = _order(_names(sort))
    if wanted == EVERYTHING and caller.scope(Permission.VIEW_JOBS).everywhere:
        return AllJobs(order)
    states = TRUE if wanted.states is None else one_of("j.state", "text", wanted.states)
    customers = TRUE if wanted.customers is None else one_of_few("j.customer_id", wanted.customers)
    # last, because conditions are checked in their order, and this condition fails least often
    owners = all_of([customers, see_customers(caller, "j.customer_id", Permission.VIEW_JOBS)])
    sides = _sides(caller, wanted)
    others = all_of([states, *(side.condition for side in sides), owners])
    scope = caller.scope(Permission.VIEW_JOBS)
    named = wanted.customers if wanted.customers is not None or scope.everywhere else scope.customers
    if wanted.samples is not None:
        where = all_of([wanted.times.condition, _of_samples(wanted.samples), others])
        return OrderedListing(JOB, JOB_FROM, where, order)
    has_few_owners = named is not None and len(named) <= FEW_CUSTOMERS
    if wanted.times.is_bounded:
        ranged = Ranged(wanted.times, others)
        counts_along = owners is TRUE and not sides
        listing: OrderedListing[Job] = JobsOfRange(ranged, order, wanted.states, counts_along=counts_along)
    elif wanted.knows_tally:
        tallied = _tallied(caller, wanted, order, states, owners, named=named)
        if not has_few_owners or _is_by_time(order):
            return tallied
        return TalliedJobsOfFew(tallied, owners, is_of_one=named is not None and len(named) == 1)
    else:
        listing = OrderedListing(JOB, JOB_FROM, others, order)
    if sides:
        listing = JobsOfSides(listing, sides, all_of([wanted.times.condition, states, owners]))
    return JobsOfFew(listing, owners) if has_few_owners else listing


def _tallied(
    caller: Caller,
    wanted: JobFilter,
    order: Order,
    states: Sql,
    owners: Sql,
    *,
    named: Collection[int] | None,
) -> TalliedListing[Job]:
    """Jobs by state and customer (`named`, None for all), of which the tally tells the number."""
    where = all_of([states, owners])
    lacked = lacks_customer(caller, "j.customer_id", Permission.VIEW_JOBS)
    if wanted.customers is None and lacked:
        return TalliedListing(JOB, JOB_FROM, where, order, all_but(states, lacked))
    return TalliedListing(JOB, JOB_FROM, where, order, number_in(TOTAL if named is None else TALLY, where))


def _order(names: tuple[str, ...]) -> Order:
    return Order(Sql("job j"), names, JOB_SORTS, Key("j.id", "uuid", field="id"))


def _names(sort: Sequence[str]) -> tuple[str, ...]:
    """The names to sort by. Jobs of the same state are in the order of their times, as they are in the index of states."""
    by_time = {"state": "enqueuedTimestamp", "-state": "-enqueuedTimestamp"}
    return (*sort, by_time[sort[0]]) if len(sort) == 1 and sort[0] in by_time else tuple(sort)


def _is_by_time(order: Order) -> bool:
    """Whether an index has the jobs of a customer in this order."""
    return order.names in {("enqueuedTimestamp",), ("-enqueuedTimestamp",)}


def _sides(caller: Caller, wanted: JobFilter) -> list[Side]:
    """What else jobs can be found from."""
    workers = [] if wanted.workers is None else [of_workers(wanted.workers)]
    return [*workers, *([] if wanted.types is None else [of_types(caller, wanted.types)])]


def _of_samples(samples: Sequence[bytes] | None) -> Sql:
    if samples is None:
        return TRUE
    ids = "ARRAY(SELECT id FROM sample WHERE sha256 = ANY({}::bytea[]))"
    return Sql(f"j.sample_id = ANY({ids})", list(samples))
