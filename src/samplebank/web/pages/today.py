"""The first page: what came in, and what is under way."""

from typing import ClassVar, Final

from litestar import Response, get

from samplebank.accounts.model import Permission
from samplebank.database import Page as Part
from samplebank.http.operation import operation
from samplebank.http.shapes import NoQuery
from samplebank.jobs.listing import JobFilter, jobs_matching
from samplebank.jobs.model import JobState
from samplebank.web.pages.jobs import ListedJob
from samplebank.web.rendering import Page
from samplebank.web.visit import Visit

MOST: Final = 12
#: milliseconds for a number that no tally knows
BUDGET: Final = 10.0


class Today(Page, frozen=True):
    """`waiting` and `running` are numbers of jobs, -1 where unknown."""

    template: ClassVar[str] = "today.html"
    section: ClassVar[str] = "today"

    waiting: int
    running: int
    jobs: list[ListedJob]


@get("/", opt=operation("showToday"))
async def show_today(request: Visit) -> Response[bytes]:
    """Show the newest jobs, and how many are under way."""
    request.read_query(NoQuery)
    caller, directory = request.caller, request.bank.directory
    counts, found = {}, []
    if caller.holds(Permission.VIEW_JOBS):
        async with request.reading() as db:
            found = await jobs_matching(caller, JobFilter(), ["-enqueuedTimestamp"]).page(
                db, Part(limit=MOST)
            )
        async with request.bank.database.connection() as db:
            for state in (JobState.ENQUEUED, JobState.EXECUTING):
                of_state = jobs_matching(caller, JobFilter(states=[state]), ["-enqueuedTimestamp"])
                counts[state] = (await of_state.count(db, BUDGET)).number
    return request.page(
        Today(
            waiting=counts.get(JobState.ENQUEUED, 0),
            running=counts.get(JobState.EXECUTING, 0),
            jobs=[
                ListedJob(
                    job=job,
                    sha256=job.sha256.hex(),
                    customer=directory.customer(job.customer_id).short_name,
                    name=None,
                )
                for job in found
            ],
        )
    )


ROUTES = [show_today]
