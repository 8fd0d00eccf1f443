"""The application of the pages: routes, entrance, and refusals as pages."""

from typing import Any, Final
from urllib.parse import quote

from litestar import Litestar, Response
from litestar.exceptions import HTTPException

from samplebank.accounts.directory import Unknown
from samplebank.errors import Refusal, TooMany, Unauthenticated
from samplebank.http.application import LeanApplication
from samplebank.http.log import Observed
from samplebank.http.methods import allowed
from samplebank.http.operation import Operation
from samplebank.samples.model import SHA256
from samplebank.web.entrance import SAFE, enter
from samplebank.web.fallback import Unrouted
from samplebank.web.headers import PAGE
from samplebank.web.pages import (
    account,
    account_keys,
    accounts,
    asset,
    audit,
    batch,
    bulk,
    compare,
    completion,
    export,
    facets,
    failures,
    findings,
    hexview,
    history,
    hunts,
    job,
    jobs,
    judging,
    known,
    live,
    login,
    manual,
    me,
    noting,
    oidc,
    pasted_text,
    policy,
    raw,
    relations,
    retrying,
    sample,
    samples,
    saving,
    sightings,
    similar,
    strings,
    submit,
    theme,
    today,
    workers,
)
from samplebank.web.pages.refused import (
    BAD_REQUEST,
    CONFLICT,
    FAILED,
    SAID,
    Refused,
    status_of,
)
from samplebank.web.visit import Visit

PAGES = (
    today,
    samples,
    bulk,
    facets,
    export,
    completion,
    pasted_text,
    sample,
    findings,
    sightings,
    similar,
    relations,
    history,
    hexview,
    strings,
    compare,
    raw,
    judging,
    noting,
    jobs,
    retrying,
    job,
    workers,
    failures,
    hunts,
    policy,
    audit,
    accounts,
    account,
    account_keys,
    submit,
    known,
    batch,
    live,
    login,
    oidc,
    me,
    saving,
    manual,
    theme,
    asset,
)
ROUTES: Final[list[Any]] = [route for page in PAGES for route in page.ROUTES]
NO_CONTENT: Final = 204
UNAUTHORIZED: Final = 401
TOO_LARGE: Final = 413
#: the page with the forms that are sent to a path, by the first part of the path
FORMS: Final = {
    **{one: one for one in ("accounts", "failures", "find", "hunts", "jobs", "me", "samples", "submit")},
    "customers": "accounts",
    "queries": "me",
}
#: statuses of refusals that pass: too many requests, or the database is away
PASSING: Final = frozenset({429, 503})
#: statuses of refusals after which a form can be mended, or sent as it was
MENDABLE: Final = frozenset({BAD_REQUEST, UNAUTHORIZED, CONFLICT, TOO_LARGE, *PASSING})
NEWER: Final = "The accounts have just changed: load the page again."


def make_pages() -> Litestar:
    """Make the application. Its state must be given `bank` and `budgets` before the first request."""
    return LeanApplication(
        ROUTES,
        request_class=Visit,
        before_request=enter,
        exception_handlers=HANDLERS,
        openapi_config=None,
        request_max_body_size=None,
        logging_config=None,
    )


def _refused(visit: Visit, error: Refusal) -> Response[bytes]:
    if isinstance(error, Unauthenticated) and visit.scope["method"] in SAFE:
        return _to_login(visit)
    status = status_of(error)
    refused = Refused.of(status, error.violations, _form_of(visit, status), _again(visit, status))
    answer = visit.page(refused, status)
    if isinstance(error, TooMany):
        answer.headers["Retry-After"] = str(error.wait)
    return answer


def _to_login(visit: Visit) -> Response[bytes]:
    """Lead a stranger to the sign-in page. Nobody sees the answer to a script: browsers would call the page an error."""
    declared: Operation | None = visit.route_handler.opt.get("operation")
    if declared is not None and declared.aside:
        return Response(b"", status_code=NO_CONTENT, headers=PAGE)
    return visit.to(f"login?next={quote(visit.here, safe='')}")


def _form_of(visit: Visit, status: int) -> str | None:
    """The page with the form that was sent, where the form can be sent again: a path from the first page on."""
    if visit.scope["method"] != "POST" or status not in MENDABLE:
        return None
    _, first, second, *_ = [*visit.scope["path"].split("/"), "", ""]
    if first == "sample":
        return f"sample/{second}" if SHA256.fullmatch(second) else None
    if first == "accounts" and second:
        return f"accounts/{quote(second, safe='')}"
    return FORMS.get(first)


def _again(visit: Visit, status: int) -> str | None:
    """The page asked for, where a while helps. None for a form: the visitor goes back to the form."""
    return visit.here[1:] if visit.scope["method"] in SAFE and status in PASSING else None


def _is_newer(visit: Visit, _: Unknown) -> Response[bytes]:
    """Ask for patience: a customer or user is newer than the copy of the accounts, which is a second old at most."""
    return visit.page(Refused.saying(503, NEWER, _again(visit, 503)), 503)


def _declined(visit: Visit, error: HTTPException) -> Response[bytes]:
    def answer() -> Response[bytes]:
        page = visit.page(Refused.saying(error.status_code, SAID.get(error.status_code)), error.status_code)
        if allow := (error.headers or {}).get("allow"):
            page.headers["Allow"] = allowed(allow)
        return page

    return answer() if visit.visitor is not None else Unrouted(visit, answer)


def _broken(visit: Visit, error: Exception) -> Response[bytes]:
    """Answer an unforeseen error. The log tells the error, the page does not."""
    if isinstance(error, BaseExceptionGroup):
        known = error.split(Refusal)[0]
        if known is not None and isinstance(known.exceptions[0], Refusal):
            return _refused(visit, known.exceptions[0])
    Observed.note_failure(visit.scope, error)
    return visit.page(Refused.saying(500, FAILED), 500)


HANDLERS: Final[dict[Any, Any]] = {
    Refusal: _refused,
    Unknown: _is_newer,
    HTTPException: _declined,
    Exception: _broken,
}
