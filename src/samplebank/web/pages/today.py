"""The first page: what needs eyes, what came in, what is under way, and what waits in vain."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

import msgspec
from litestar import Response, get
from markupsafe import Markup

from samplebank import timespec
from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.database import Page as Part
from samplebank.database.tally import HOUR
from samplebank.http.operation import operation
from samplebank.http.shapes import NoQuery
from samplebank.jobs.numbers import LATE, InVain, UnderWay, under_way
from samplebank.jobs.numbers import MOST as MOST_COUNTED
from samplebank.search.arrivals import MOST_OF_CHART, ArrivedInHour, Chart, chart
from samplebank.search.notable_arrivals import Notable, notable
from samplebank.search.sightings import SeenJob, newest_jobs
from samplebank.search.since import SinceVisit, since_visit
from samplebank.timespec import Millis
from samplebank.verdicts.model import word_of
from samplebank.web.charts import Bar, bars
from samplebank.web.copying import Copied, of_today
from samplebank.web.formatting import number, quoted
from samplebank.web.pages.jobs import ListedJob, listed
from samplebank.web.rendering import Page
from samplebank.web.visit import Visit, permissions_of

#: samples that need eyes, jobs, and workers that are told
MOST: Final = 12
#: hours of the chart, and how far back a sample needs eyes
HOURS: Final = 48
WEEK: Final = 7 * 24 * HOUR
#: an hour in which nothing arrived
NOTHING: Final = ArrivedInHour(0, 0, 0, 0)


class NeedsEyes(msgspec.Struct, frozen=True):
    """A sample, as a line of the page."""

    sha256: str
    word: str
    score: int
    is_contradicting: bool
    name: str
    customer: str
    time: Millis


class Today(Page, frozen=True):
    """`arrived` tells how much arrived within the hours of the chart, by class. `may` are the permissions of the visitor.

    `charted` is the query for what `arrived` counts, `late` for the late jobs, and `since` for what `visit` counts as new, None for a
    user who is here for the first time. The times of the queries are those of the numbers.
    `more_in_vain` counts the workers that nobody runs beyond those told. Tasks and late jobs are counted up to `most_counted`.
    `judged_since` is None where the verdict of everything that arrived is told, else of the newest `most_judged`.
    """

    template: ClassVar[str] = "today.html"
    section: ClassVar[str] = "today"

    eyes: list[NeedsEyes]
    arrived: ArrivedInHour
    charted: str
    judged_since: Millis | None
    most_judged: int
    is_complete: bool
    chart: Markup
    under_way: UnderWay
    late: str
    in_vain: Sequence[InVain]
    more_in_vain: int
    most_counted: int
    jobs: list[ListedJob]
    visit: SinceVisit
    since: str | None
    copied: Copied
    may: frozenset[Permission]


@get("/", opt=operation("showToday"))
async def show_today(request: Visit) -> Response[bytes]:
    """Show what needs eyes, what arrived, and the jobs that are under way, as far as the visitor may see."""
    request.read_query(NoQuery)
    caller, directory, now = request.caller, request.bank.directory, request.now
    score, since = request.bank.settings.malicious_score, now // HOUR * HOUR - (HOURS - 1) * HOUR
    came, counts = Chart({}, since, is_complete=True), UnderWay()
    eyes: list[Notable] = []
    async with request.reading() as db:
        if caller.holds(Permission.VIEW_SUBMISSION):
            eyes = await notable(db, caller, since=now - WEEK, malicious_score=score, most=MOST)
            came = await chart(db, caller, since=since, malicious_score=score)
        jobs: list[SeenJob] = []
        if caller.holds(Permission.VIEW_JOBS):
            counts = await under_way(db, caller, now=now)
            newest = newest_jobs(caller)
            jobs = await newest.page(db, Part(limit=MOST))
        visit = await since_visit(db, caller, oldest=now - WEEK, malicious_score=score)
    return request.page(
        Today(
            eyes=[_eyes(one, score, directory) for one in eyes],
            arrived=ArrivedInHour(*map(sum, zip(*came.hours.values(), strict=True)))
            if came.hours
            else NOTHING,
            charted=_between(since, now),
            judged_since=came.judged_since if came.judged_since > since else None,
            most_judged=MOST_OF_CHART,
            is_complete=came.is_complete,
            chart=_chart(request.root, came.hours, since),
            under_way=counts,
            late=f"-state:done -state:timeout seen:..{timespec.iso(now - LATE - 1)}",
            in_vain=counts.in_vain[:MOST],
            more_in_vain=len(counts.in_vain[MOST:]),
            most_counted=MOST_COUNTED,
            jobs=[listed(job, directory) for job in jobs],
            visit=visit,
            since=None if visit.before is None else _between(max(visit.before, now - WEEK), now),
            copied=of_today(request.address),
            may=permissions_of(request.caller),
        )
    )


def _between(first: Millis, last: Millis) -> str:
    return f"seen:{timespec.iso(first)}..{timespec.iso(last)}"


def _eyes(one: Notable, malicious_score: int, directory: Directory) -> NeedsEyes:
    return NeedsEyes(
        sha256=one.sha256.hex(),
        word=word_of(one.score, one.status_override, malicious_score),
        score=one.score,
        is_contradicting=one.contradicting,
        name=one.file_name,
        customer=directory.customer(one.customer_id).short_name,
        time=one.submitted_time,
    )


def _chart(root: str, by_hour: Mapping[Millis, ArrivedInHour], since: Millis) -> Markup:
    hours = range(since, since + HOURS * HOUR, HOUR)
    drawn = [_bar(root, hour, by_hour.get(hour, NOTHING)) for hour in hours]
    return bars("Arrivals by hour", drawn, (f"{HOURS} h ago", "now"))


def _bar(root: str, hour: Millis, arrived: ArrivedInHour) -> Bar:
    classes = zip(ArrivedInHour._fields[1:], arrived[1:], strict=True)
    told = "".join(f", {number(count)} {name}" for name, count in classes if count)
    said = f"{timespec.iso(hour)[:16]}Z: {number(arrived.submissions)} arrived{told}"
    link = f"{root}samples?q={quoted(_between(hour, hour + HOUR - 1))}" if arrived.submissions else None
    return Bar(arrived.submissions, said, link, arrived.malicious)


ROUTES = [show_today]
