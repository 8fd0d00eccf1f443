"""The application of the interface: routes, guard and error shapes. One for each process."""

import errno
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from litestar import Litestar
from litestar.exceptions import HTTPException

from samplebank.api import (
    accounts,
    analyses,
    audit,
    challenges,
    children,
    claims,
    classifications,
    contents,
    customers,
    deletion,
    downloads,
    evidence,
    facts,
    failures,
    feed,
    figures,
    files,
    health,
    hunt_batches,
    hunts,
    job_tasks,
    jobs,
    keys,
    links,
    notes,
    policy,
    published,
    receipts,
    results,
    rights,
    samples,
    search,
    service_tasks,
    session,
    sign_ins,
    similar,
    submissions,
    trees,
    verdicts,
    why,
    worker_lines,
    workloads,
)
from samplebank.api.call import Call
from samplebank.api.envelope import ACTION_ERROR, Answer, ResultMessage, failure, refusal
from samplebank.api.search.samples import LONG_LISTS
from samplebank.assembly import Bank
from samplebank.errors import Refusal, Unavailable
from samplebank.http.application import LeanApplication
from samplebank.http.guard import guard
from samplebank.http.log import Observed
from samplebank.http.methods import allowed
from samplebank.settings import Settings

RESOURCES = (
    session,
    sign_ins,
    accounts,
    rights,
    customers,
    keys,
    health,
    published,
    samples,
    files,
    challenges,
    submissions,
    classifications,
    analyses,
    verdicts,
    jobs,
    job_tasks,
    claims,
    results,
    children,
    why,
    workloads,
    worker_lines,
    policy,
    downloads,
    contents,
    facts,
    failures,
    figures,
    links,
    trees,
    similar,
    notes,
    evidence,
    search,
    hunts,
    hunt_batches,
    feed,
    audit,
    deletion,
    service_tasks,
    receipts,
)
ROUTES: list[Any] = [route for resource in RESOURCES for route in resource.ROUTES]
SAID = {
    404: "There is nothing at this path.",
    405: "This path does not take this method.",
    413: "The body is too large.",
}

LACKS_A_PART = "The service lacks a part that it needs at the moment; try again in a moment."
#: errors of the operating system, as callers are told
LACKING = {
    errno.ENOSPC: "A disk of the service is full; try again when the operator has made room on it.",
    errno.EDQUOT: "The service has used up its share of a disk; try again when the operator has made room.",
    errno.EROFS: "A disk of the service takes no changes; try again when the operator has mended it.",
    errno.EMFILE: "The service has too many files open at the moment; try again in a moment.",
}

OpenBank = AbstractAsyncContextManager[Bank]


def make_api(lifespan: Callable[[Litestar], AbstractAsyncContextManager[None]]) -> Litestar:
    """Make the application. The lifespan gives the state of the application its `bank` and its `budgets`."""
    return LeanApplication(
        ROUTES,
        request_class=Call,
        before_request=guard,
        lifespan=[lifespan],
        exception_handlers=HANDLERS,
        openapi_config=None,
        request_max_body_size=None,
        logging_config=None,
    )


def largest_body(settings: Settings) -> int:
    """The most bytes that the body of any request but an upload may have."""
    return settings.max_body_size + max(settings.max_result_size, LONG_LISTS)


def _refused(_: Call, error: Refusal) -> Answer:
    return refusal(error)


def _declined(_: Call, error: HTTPException) -> Answer:
    said = SAID.get(error.status_code, "The request cannot be understood.")
    answer = failure(
        error.status_code, [ResultMessage(message=said, type=ACTION_ERROR, message_template=said)]
    )
    for name, value in (error.headers or {}).items():
        answer.headers[name] = allowed(value) if name == "allow" else value
    return answer


def _broken(request: Call, error: Exception) -> Answer:
    """Answer an unforeseen error. The log tells the error, the answer does not."""
    if isinstance(error, BaseExceptionGroup):
        known = error.split(Refusal)[0]
        if known is not None and isinstance(known.exceptions[0], Refusal):
            return refusal(known.exceptions[0])
    Observed.note_failure(request.scope, error)
    if isinstance(error, OSError):
        return refusal(Unavailable(LACKING.get(error.errno or 0, LACKS_A_PART)))
    said = "The service failed; its log has the details under this request's X-Request-ID."
    return failure(500, [ResultMessage(message=said, type=ACTION_ERROR, message_template=said)])


HANDLERS: dict[Any, Any] = {Refusal: _refused, HTTPException: _declined, Exception: _broken}
