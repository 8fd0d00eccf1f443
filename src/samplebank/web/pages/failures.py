"""Failed tasks by cause, and another try of all samples of a cause."""

import secrets
from collections.abc import Sequence
from typing import Annotated, ClassVar, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from msgspec import Meta

from samplebank.accounts.model import Permission
from samplebank.api.search.reanalysis import begin_for
from samplebank.database import Page as Part
from samplebank.database.identifiers import find_id
from samplebank.errors import Conflict, NotFound, invalid
from samplebank.http.operation import operation
from samplebank.http.shapes import Body, NoQuery
from samplebank.jobs.failures import Failures, FailuresByCause, failures, untried_samples
from samplebank.service_tasks import operations, queries
from samplebank.service_tasks.model import FINAL, Operation, ServiceTask
from samplebank.service_tasks.queries import NO_TASK, TaskFilter
from samplebank.timespec import Millis
from samplebank.web.copying import Copied, of_failures
from samplebank.web.rendering import Page
from samplebank.web.tasks import to_task
from samplebank.web.visit import Visit

DAY: Final = 24 * 3_600_000
#: causes that the page shows
MOST: Final = 50
NO_CAUSE: Final = "The form names no cause: load the page of failures again, and send the form again."
ALL_TRIED: Final = (
    "Every sample with this cause has been tried again since, or you may not analyse the samples again. "
    "Load the page of failures again."
)


Days = Annotated[int, Meta(ge=1, le=30)]
Name = Annotated[str, Meta(min_length=1, max_length=100)]


class FailureQuery(Body):
    days: Days = 7
    worker: Annotated[str, Meta(max_length=255)] = ""


class RetryForm(msgspec.Struct, frozen=True):
    """The key of a cause, the days that the page looked at, and a random key for the form."""

    cause: Name
    days: Days
    key: Name


class FailuresPage(Page, frozen=True):
    """`number` tasks failed by the `causes`; `looked_at` failures of all workers since `since` were looked at. `key` stands for the forms of the page, which may be sent twice."""

    template: ClassVar[str] = "failures.html"
    section: ClassVar[str] = "workers"

    causes: list[FailuresByCause]
    copied: Copied
    number: int
    looked_at: int
    since: Millis
    is_complete: bool
    days: int
    worker: str
    key: str
    may_retry: bool


class RetryPage(Page, frozen=True):
    """A service task that analyses samples again. `counts` are numbers of samples by what became of them."""

    template: ClassVar[str] = "retry.html"
    section: ClassVar[str] = "workers"

    task: ServiceTask
    counts: dict[str, int]
    is_under_way: bool


@get("/failures", opt=operation("showFailures", Permission.VIEW_JOBS))
async def show_failures(request: Visit) -> Response[bytes]:
    """Show the causes of failures, the most frequent first."""
    query = request.read_query(FailureQuery)

    async def found() -> Failures:
        async with request.reading() as db:
            return await failures(db, request.caller, since=request.now - query.days * DAY)

    folded = await request.dearly(found)
    causes = _of_worker(folded.causes, query.worker)
    return request.page(
        FailuresPage(
            copied=of_failures(request.address, query.days, query.worker),
            causes=causes[:MOST],
            number=sum(cause.count for cause in causes) if query.worker else folded.number,
            looked_at=folded.number,
            since=folded.since,
            is_complete=folded.is_complete,
            days=query.days,
            worker=query.worker,
            key=secrets.token_hex(16),
            may_retry=request.caller.holds(Permission.REANALYSE),
        )
    )


def _of_worker(causes: Sequence[FailuresByCause], worker: str) -> list[FailuresByCause]:
    """The causes of a worker's failures, with the numbers of the worker; all causes where no worker is named."""
    if not worker:
        return list(causes)
    counts = [(cause, cause.workers.get(worker, 0)) for cause in causes]
    own = [
        msgspec.structs.replace(cause, count=count, workers={worker: count})
        for cause, count in counts
        if count
    ]
    return sorted(own, key=lambda cause: -cause.count)


@post("/failures/retry", opt=operation("retryFailures", Permission.REANALYSE), status_code=303)
async def retry(request: Visit) -> Response[bytes]:
    """Analyse the samples of a cause again. A form that is sent twice leads to the task of the first time."""
    request.read_query(NoQuery)
    form = {name: values[0] for name, values in (await request.read_form()).items()}
    try:
        wanted = msgspec.convert(form, RetryForm, strict=False)
    except msgspec.ValidationError as error:
        raise invalid("cause", NO_CAUSE) from error
    since = request.now - wanted.days * DAY

    async def begin() -> UUID:
        samples = await request.dearly(lambda: _untried(request, wanted.cause, since))
        if not samples:
            raise Conflict(ALL_TRIED)
        return await begin_for(request, sorted(samples))

    return await to_task(request, f"{wanted.key} {wanted.cause}", wanted.cause, begin)


async def _untried(request: Visit, cause: str, since: Millis) -> set[int]:
    async with request.bank.database.connection() as db:
        return await untried_samples(db, request.caller, cause, since=since)


@get("/failures/retry/{task_id:str}", opt=operation("showRetry", Permission.REANALYSE))
async def show_retry(request: Visit) -> Response[bytes]:
    """Show how far a retry of the visitor is."""
    request.read_query(NoQuery)
    task = await _task(request, find_id(request.path("task_id")))
    counts = {name: int(value) for name, value in task.context.items() if value.isdecimal()}
    return request.page(RetryPage(task=task, counts=counts, is_under_way=task.state not in FINAL))


@post(
    "/failures/retry/{task_id:str}/abort",
    opt=operation("abortRetry", Permission.REANALYSE),
    status_code=303,
)
async def abort_retry(request: Visit) -> Response[bytes]:
    """Open no further job of a retry of the visitor. To abort a retry that has ended changes nothing."""
    request.read_query(NoQuery)
    await request.read_form()
    task = await _task(request, find_id(request.path("task_id")))
    if task.state not in FINAL:
        async with request.bank.database.transaction() as db:
            await operations.abort(
                db, task.id, task.parent_id, request.caller.user.short_name, now=request.now
            )
            await request.record(db, target=task.id)
        request.bank.signals.tell(task.correlation_id)
    return request.to(f"failures/retry/{task.correlation_id}")


async def _task(request: Visit, id_: UUID | None) -> ServiceTask:
    if id_ is None:
        raise NotFound(NO_TASK)
    wanted = TaskFilter(correlations=[id_], operations=[Operation.REANALYSE])
    listing = queries.tasks_matching(request.caller, wanted, sees_all=False)
    async with request.reading() as db:
        found = await listing.page(db, Part(limit=1))
    if not found:
        raise NotFound(NO_TASK)
    return found[0]


ROUTES = [show_failures, retry, show_retry, abort_retry]
