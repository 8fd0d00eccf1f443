"""Tasks that failed, folded by cause."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get
from msgspec import Meta

from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.http.operation import EXTENSIONS, operation
from samplebank.http.shapes import Body, Shown
from samplebank.jobs.failures import MOST_CAUSES, Failures, FailuresByCause, failures

DAY = 24 * 3_600_000


class FailureQuery(Body):
    days: Annotated[int, Meta(ge=1, le=30)] = 7
    limit: Annotated[int, Meta(ge=1, le=MOST_CAUSES)] = 50


class FailuresOfWorker(Shown):
    worker: str
    failures: int


class FailureCause(Shown):
    """`cause` is the message of the tasks, with numbers, times, hashes, ids, addresses and paths folded.

    `timedOut` tasks were ended by the time-out of the job.
    """

    cause: str
    failures: int
    first_timestamp: int
    last_timestamp: int
    workers: list[FailuresOfWorker]
    example_job_ids: list[UUID] = msgspec.field(name="exampleJobIDs")
    timed_out: bool = False


class FailuresResponse(Shown):
    """The most frequent causes of the failures since `sinceTimestamp`. `failures` of all causes were looked at.

    The newest 10,000 failures are looked at. Where there are more, `sinceTimestamp` is the time of the oldest looked at,
    and `isMore` is set.
    """

    since_timestamp: int
    failures: int
    causes: list[FailureCause]
    is_more: bool = False


@get(
    f"{EXTENSIONS}/failures",
    opt=operation("listFailures", Permission.VIEW_JOBS, query=FailureQuery, answers=FailuresResponse),
)
async def list_failures(request: Call) -> Answer:
    """Fold the tasks that failed in the last days by their cause, in the jobs that the caller may see."""
    query = request.read_query(FailureQuery)
    since = request.now - query.days * DAY

    async def found() -> Failures:
        async with request.bank.database.connection() as db:
            return await failures(db, request.caller, since=since)

    folded = await request.dearly(found)
    limited = msgspec.structs.replace(folded, causes=folded.causes[: query.limit])
    return await request.show(limited, _show)


def _show(found: Failures, _: Directory) -> FailuresResponse:
    causes = [_show_cause(cause) for cause in found.causes]
    return FailuresResponse(found.since, found.number, causes, is_more=not found.is_complete)


def _show_cause(cause: FailuresByCause) -> FailureCause:
    return FailureCause(
        cause=cause.cause,
        failures=cause.count,
        first_timestamp=cause.first,
        last_timestamp=cause.last,
        workers=[FailuresOfWorker(worker, number) for worker, number in cause.workers.items()],
        example_job_ids=list(cause.jobs),
        timed_out=cause.timed_out,
    )


ROUTES = [list_failures]
