"""Who may look: a cookie stands for a session, and a request that changes something must come from a page of ours."""

from typing import Any, Final, cast

from litestar import Request

from samplebank.accounts.caller import forbidden
from samplebank.accounts.sessions import Visitor
from samplebank.errors import Forbidden, Malformed, Unauthenticated
from samplebank.http.guard import ONCE, require_width
from samplebank.http.operation import Operation
from samplebank.urls import origin_of
from samplebank.web.visit import Visit

#: the cookie over TLS, which no other host can set, and the cookie over plain HTTP
SECURE, PLAIN = "__Host-samplebank", "samplebank"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
NOT_SIGNED_IN: Final = "You are not signed in, or your session has ended: sign in, and try again."
FOREIGN: Final = (
    "The request did not come from a page of this service, so nothing was changed. Load the page again, and try again. "
    "Behind a proxy, set SAMPLEBANK_PUBLIC_URL to the address that browsers use."
)


async def enter(request: Request[Any, Any, Any]) -> None:
    """Find the visitor. Refuse changes from elsewhere, and visitors who hold none of the page's permissions."""
    visit = cast("Visit", request)
    scope = visit.scope
    if sum(name == b"host" for name, _ in scope["headers"]) > 1:
        raise Malformed(ONCE)
    is_change = scope["method"] not in SAFE
    if is_change:
        require_same_origin(visit)
    opt = visit.route_handler.opt
    if opt.get("asset") or scope["method"] == "OPTIONS":
        return
    visitor = await recognise(visit)
    if opt.get("open"):
        return
    if visitor is None:
        raise Unauthenticated(NOT_SIGNED_IN)
    declared: Operation = opt["operation"]
    if declared.needs and not visitor.caller.holds(*declared.needs):
        raise forbidden(declared.needs)
    require_width(visit, declared)


async def recognise(visit: Visit) -> Visitor | None:
    """Find the visitor with the cookie of the request, and note the visitor. None for a stranger."""
    cookie = cookie_of(visit)
    visitor = None if cookie is None else await visit.bank.visitors.find(cookie, now=visit.now)
    if visitor is not None:
        visit.scope["state"]["visitor"] = visitor
        visit.admit(visitor.caller)
    return visitor


def cookie_of(visit: Visit) -> str | None:
    """The cookie of a session. Over TLS only the cookie that no other host can set: the other cookie may be of a stranger's making.

    A browser sends the cookies of all programs of a host name, also of other ports and in forms that no standard
    allows. So the header is only cut into pieces: a parser that takes offence would lose the session.
    """
    headers = [value.decode("latin-1") for name, value in visit.scope["headers"] if name == b"cookie"]
    pieces = [piece.partition("=") for piece in ";".join(headers).split(";")]
    given = {name.strip(" \t"): value.strip(" \t") for name, _, value in pieces}
    return given.get(SECURE if visit.is_secure else PLAIN)


def cookie_for(visit: Visit, value: str) -> str:
    """The header that gives a browser the cookie of a session; for an empty value, the header that takes the cookie back."""
    name, secure = (SECURE, "; Secure") if visit.is_secure else (PLAIN, "")
    ends = "" if value else "; Max-Age=0"
    return f"{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{ends}"


def require_same_origin(visit: Visit) -> None:
    """Raise `Forbidden` unless a page of the service made the request.

    Browsers say so in Sec-Fetch-Site. Over plain HTTP to a host name browsers leave the header out, and Origin has to fit.
    """
    site = visit.header(b"sec-fetch-site")
    if site is not None:
        if site == "same-origin":
            return
        raise Forbidden(FOREIGN)
    origin = visit.header(b"origin")
    if origin is None or origin not in _own_origins(visit):
        raise Forbidden(FOREIGN)


def _own_origins(visit: Visit) -> set[str | None]:
    public = visit.bank.settings.public_url
    if public is not None:
        return {origin_of(public)}
    host = visit.header(b"host") or ""
    return {origin_of(f"http://{host}"), origin_of(f"https://{host}")}
