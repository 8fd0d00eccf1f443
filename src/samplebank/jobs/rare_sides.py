"""Jobs of a rare worker, or of samples of a rare type: found from the tasks of the worker, or from the samples of the type."""

import time
from collections.abc import Sequence
from math import inf
from typing import NamedTuple

import asyncpg

from samplebank.accounts.access import see_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import TRUE, Connection, Page, Shape, Sql, all_of, one_of
from samplebank.database.counting import ALL, ALWAYS, Count, count_rows, tallied
from samplebank.database.listing import OrderedListing
from samplebank.database.planning import SERIAL, estimated, planned
from samplebank.jobs.model import Job
from samplebank.jobs.queries import JOB, JOB_FROM

#: tasks or samples that are gathered, as the planner estimates, and at most
LITTLE, MOST_GATHERED = 12_000, 30_000
#: milliseconds of going through jobs, after which the jobs are gathered all the same
PATIENCE = 250


class Side(NamedTuple):
    """Rows from which jobs can be found, each job from one row at most.

    `rows` selects the `key` of each row, and `link` compares `f.key` with a job `j`. `condition` says the same of a job that
    is found otherwise. `width` has about as many rows, and is easier to estimate. `named` selects the jobs themselves, some
    several times; None where rows name no jobs.
    """

    rows: Sql
    link: str
    condition: Sql
    width: Sql
    named: Sql | None = None

    def jobs(self, found: Sql, others: Sql) -> Sql:
        """The jobs of `found` rows of which `others` holds. OFFSET keeps the planner from reading all jobs for a join."""
        return Sql(
            f"""
            FROM {{}} f CROSS JOIN LATERAL (
                SELECT j.id, j.state, j.enqueued_time, j.start_time, j.end_time FROM job j
                 WHERE {self.link} AND {{}} OFFSET 0) j
            """,
            found,
            others,
        )


class Estimate(NamedTuple):
    """The rows of the narrowest side, and the jobs that fit the rest of the search, in numbers of the planner."""

    narrowest: tuple[float, Side]
    others: float


class JobsOfSides(OrderedListing[Job]):
    """Jobs that can be found from any of `sides`, and of which `others` holds.

    Where a side has few rows, a page gathers all matches from the side, so that their number is known as well. Else jobs are
    gone through as `otherwise`, for `PATIENCE` at most: the jobs of a worker may all be old.
    """

    def __init__(self, otherwise: OrderedListing[Job], sides: Sequence[Side], others: Sql) -> None:
        super().__init__(JOB, JOB_FROM, otherwise.where, otherwise.by)
        self._otherwise = otherwise
        self._sides = sides
        self._others = others
        self._estimated: Estimate | None = None
        #: milliseconds for which one of many named jobs is counted
        self._pace = 0.0

    def show_as(self, columns: Shape[Job]) -> None:
        super().show_as(columns)
        self._otherwise.show_as(columns)

    async def page(self, db: Connection, page: Page) -> list[Job]:
        if not page.limit:
            return await self._otherwise.page(db, page)
        rows, side = await self._narrowest(db)
        found = await self._gathered(db, side, page, MOST_GATHERED) if rows <= LITTLE else None
        if found is None:
            found = await self._gone_through(db, page)
        if found is None:
            found = await self._gathered(db, side, page, ALL)
        return found or []

    async def count(self, db: Connection, budget: float) -> Count:
        if self._count is not None:
            return self._count if self._count.is_exact else await self._counted_on(db, budget, self._count)
        estimate = await self._estimate(db)
        rows, side = estimate.narrowest
        if estimate.others < rows:
            return await self._otherwise.count(db, budget)
        matches = side.jobs(Sql("({})", side.rows), self._all_but(side))
        return await count_rows(db, Sql("SELECT {}", matches), budget)

    async def _narrowest(self, db: Connection) -> tuple[float, Side]:
        """The narrowest side with its rows: of a list of nothing but named jobs by a count, which is the number as well."""
        named = self._sides[0].named
        if len(self._sides) > 1 or self._others is not TRUE or named is None:
            return (await self._estimate(db)).narrowest
        query = f"SELECT count(*), count(DISTINCT key) FROM ({{}} LIMIT {LITTLE + 1}) named"
        began = time.monotonic()
        rows, number = await Sql(query, named).row(db)
        self._pace = 1000 * (time.monotonic() - began) / max(1, rows)
        if rows <= LITTLE:
            self._count = Count(number)
        elif number > ALWAYS:
            self._count = Count(ALWAYS, is_exact=False)
        return rows, self._sides[0]

    async def _counted_on(self, db: Connection, budget: float, least: Count) -> Count:
        """The number of all named jobs, where counting so many rows is likely to end within the budget."""
        rows, side = (await self._estimate(db)).narrowest
        if side.named is None or rows * self._pace > budget:
            return least
        number = Sql("(SELECT count(DISTINCT key) FROM ({}) named)", side.named)
        return await tallied(db, number, budget) or least

    async def _estimate(self, db: Connection) -> Estimate:
        """The estimate of the planner, asked once for page and number."""
        if self._estimated is None:
            others = Sql("SELECT FROM job j WHERE {}", self._others)
            widths = await estimated(db, [*(side.width for side in self._sides), others])
            *rows, all_others = widths or [*[inf] * len(self._sides), 0.0]
            narrowest = min(zip(rows, self._sides, strict=True), key=lambda found: found[0])
            self._estimated = Estimate(narrowest, all_others)
        return self._estimated

    async def _gone_through(self, db: Connection, page: Page) -> list[Job] | None:
        """The jobs on the page; None where that takes longer than `PATIENCE`."""
        try:
            async with planned(db, *SERIAL, f"statement_timeout = {PATIENCE}"):
                return await self._otherwise.page(db, page)
        except asyncpg.QueryCanceledError:
            return None

    async def _gathered(self, db: Connection, side: Side, page: Page, most: int) -> list[Job] | None:
        """The jobs on the page; None where the side turns out to have `most` rows or more."""
        query = Sql(
            f"""
            WITH found AS MATERIALIZED ({{}} LIMIT {most}), matching AS MATERIALIZED (SELECT j.* {{}})
            SELECT (SELECT count(*) < {most} FROM found), (SELECT count(*) FROM matching), {{}}
              FROM (VALUES (TRUE)) one LEFT JOIN ({JOB_FROM}) ON j.id = ANY (ARRAY({{}}))
             {self.order}
            """,
            side.rows,
            side.jobs(Sql("found"), self._all_but(side)),
            self.columns.selected,
            self.by._replace(source=Sql("matching j"), branches=()).ids(TRUE, page),
        )
        async with planned(db, *SERIAL):
            rows = await query.rows(db)
        is_all, number, *first = rows[0]
        if not is_all:
            return None
        self._count = Count(number)
        # an empty page has one row, without a job
        return [] if first[0] is None else [self.columns.read(row[2:]) for row in rows]

    def _all_but(self, side: Side) -> Sql:
        return all_of([*(other.condition for other in self._sides if other is not side), self._others])


def of_workers(workers: Sequence[str]) -> Side:
    """The tasks of some workers, by their short names. Of several tasks of a job the first counts."""
    own, others = (one_of(f"{alias}.worker", "text", workers) for alias in ("t", "o"))
    rows = """
        SELECT t.job_id AS key FROM job_task t
         WHERE {} AND (SELECT TRUE FROM job_task o WHERE o.job_id = t.job_id AND o.id < t.id AND {} LIMIT 1) IS NULL
    """
    # One value of a subquery: the planner makes no join of it, which would read the tasks of all jobs.
    has = "(SELECT TRUE FROM job_task t WHERE t.job_id = j.id AND {} LIMIT 1)"
    width = Sql("SELECT FROM job_task t WHERE {}", own)
    named = Sql("SELECT t.job_id AS key FROM job_task t WHERE {}", own)
    return Side(Sql(rows, own, others), "j.id = f.key", Sql(has, own), width, named)


def of_types(caller: Caller, types: Sequence[str]) -> Side:
    """The samples of some file types that the caller may see."""
    typed = one_of("c.type", "text", types)
    visible = see_samples(caller, "y", Permission.VIEW_SAMPLES)
    # as in `of_workers`, no join: the planner would read all samples
    rows = """
        SELECT c.sample_id AS key FROM classification c
         WHERE {} AND (SELECT TRUE FROM sample y WHERE y.id = c.sample_id AND y.classification_id = c.id AND {} LIMIT 1)
    """
    has = """
        (SELECT TRUE FROM sample y JOIN classification c ON c.id = y.classification_id
          WHERE y.id = j.sample_id AND {} AND {} LIMIT 1)
    """
    width = Sql("SELECT FROM classification c WHERE {}", typed)
    return Side(Sql(rows, typed, visible), "j.sample_id = f.key", Sql(has, typed, visible), width)
