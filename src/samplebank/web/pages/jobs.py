"""The list of jobs: newest first, or those that a query finds."""

import secrets
from typing import ClassVar, Final

import msgspec
from litestar import Response, get

from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api.cursors import After
from samplebank.api.search.queries import Text, jobs_of
from samplebank.database import Page as Part
from samplebank.errors import Invalid
from samplebank.http.operation import operation
from samplebank.http.shapes import Body
from samplebank.jobs.model import Job, JobState
from samplebank.jobs.numbers import numbers_by_state
from samplebank.search.sightings import SeenJob, seen_jobs
from samplebank.web.copying import Copied, of_jobs
from samplebank.web.querying import Mistake, mistakes_in
from samplebank.web.rendering import Page
from samplebank.web.visit import Visit

#: jobs on a page
MOST: Final = 50
#: tasks of a job that are told in the list
MOST_TASKS: Final = 12
BAD_REQUEST: Final = 400


class JobsQuery(Body):
    q: Text = ""
    after: After | None = None


class ListedJob(msgspec.Struct, frozen=True):
    """A job, as a line of the list. `tasks` are the first, as pairs of worker and state, and `more` the number of the others."""

    job: Job
    sha256: str
    customer: str
    name: str | None
    tasks: list[tuple[str, str]]
    more: int


class JobsPage(Page, frozen=True):
    """`count` is -1 where only `at_least` is known. With `mistakes` in the query there are no rows.

    `states` are the states, each with the number of all jobs that the visitor may see. `key` tells a form that is sent twice.
    """

    template: ClassVar[str] = "jobs.html"
    section: ClassVar[str] = "jobs"

    query: str
    states: list[tuple[str, int]]
    mistakes: list[Mistake]
    rows: list[ListedJob]
    count: int
    at_least: int
    older: str | None
    copied: Copied | None
    is_under_way: bool
    key: str


@get("/jobs", opt=operation("showJobs", Permission.VIEW_JOBS))
async def show_jobs(request: Visit) -> Response[bytes]:
    """Show the jobs that match the query, newest first."""
    query = request.read_query(JobsQuery)
    try:
        listing = jobs_of(request, query.q)
        listing.show_as(seen_jobs(request.caller))
    except Invalid as error:
        return request.page(_refused(query, error, await _states(request)), BAD_REQUEST)
    _, found, older = await request.found_behind(listing, Part(limit=MOST), asked=query, after=query.after)
    jobs: list[SeenJob] = [] if found is None else found.rows
    rows = [listed(job, request.bank.directory) for job in jobs]
    number = None if found is None else found.number
    return request.page(
        JobsPage(
            query=query.q,
            states=await _states(request),
            mistakes=[],
            rows=rows,
            count=0 if number is None else number.number,
            at_least=0 if number is None else number.at_least,
            older=older,
            copied=of_jobs(request.address, query.q),
            is_under_way=any(job.end_time is None for job in jobs),
            key=secrets.token_hex(16),
        )
    )


def listed(job: SeenJob, directory: Directory) -> ListedJob:
    return ListedJob(
        job=job,
        sha256=job.sha256.hex(),
        customer=directory.customer(job.customer_id).short_name,
        name=job.name,
        tasks=[(worker, state) for worker, state in job.tasks[:MOST_TASKS]],
        more=max(0, len(job.tasks) - MOST_TASKS),
    )


async def _states(request: Visit) -> list[tuple[str, int]]:
    async with request.reading() as db:
        numbers = await numbers_by_state(db, request.caller)
    return [(str(state), numbers.get(state, 0)) for state in JobState]


def _refused(query: JobsQuery, error: Invalid, states: list[tuple[str, int]]) -> JobsPage:
    return JobsPage(
        query=query.q,
        states=states,
        mistakes=mistakes_in(query.q, error.violations),
        rows=[],
        count=0,
        at_least=0,
        older=None,
        copied=None,
        is_under_way=False,
        key=secrets.token_hex(16),
    )


ROUTES = [show_jobs]
