"""Who may call: every route is guarded unless it says that it is open."""

from collections.abc import Iterable
from typing import Any, cast

from litestar import Request

from samplebank.accounts.access import forbidden
from samplebank.accounts.model import Permission
from samplebank.api.exchange import Exchange
from samplebank.api.operation import Operation
from samplebank.errors import Forbidden, Malformed, Unauthenticated, Unsupported

HEADER = "argus-api-key"
ONCE = frozenset((b"host", HEADER.encode()))
NO_KEY = "This call needs an API key in the header Argus-API-Key."
BAD_KEY = "The API key is unknown, expired or revoked."


async def guard(request: Request[Any, Any, Any]) -> None:
    """Authenticate the caller; refuse those who hold none of the permissions of the operation anywhere.

    Runs before every route. It is none of Litestar's guards, which copy the route for each request.
    """
    exchange = cast("Exchange", request)
    _refuse_repeated(exchange.scope["headers"])
    opt = exchange.route_handler.opt
    if opt.get("open") or exchange.scope["method"] == "OPTIONS":
        return
    declared: Operation = opt["operation"]
    key = exchange.headers.get(HEADER)
    if not key:
        raise Unauthenticated(NO_KEY)
    caller = await exchange.bank.callers.find(key, now=exchange.now)
    if caller is None:
        raise Unauthenticated(BAD_KEY)
    exchange.scope["state"]["caller"] = caller
    works = declared.by_claims and caller.holds(Permission.WORK_ON_CLAIMS)
    if declared.needs and not works and not caller.holds(*declared.needs):
        raise forbidden(declared.needs)
    if declared.installation_wide:
        require_administration(exchange, *declared.needs)
    if declared.takes_body:
        _refuse_encoded(exchange.headers.get("content-encoding", ""))


def _refuse_repeated(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Of two keys or hosts, what stands before the service may have looked at the other one."""
    given = [name for name, _ in headers if name in ONCE]
    if len(given) > len(set(given)):
        raise Malformed("The headers Host and Argus-API-Key may be given once only.")


def _refuse_encoded(encodings: str) -> None:
    if any(encoding.strip().lower() not in ("", "identity") for encoding in encodings.split(",")):
        raise Unsupported(
            f"The body is encoded ({encodings[:100]}); send it as it is, without the header Content-Encoding."
        )


def administers(exchange: Exchange, *permissions: Permission) -> bool:
    """Whether the caller may decide for the whole installation, by any of `permissions`."""
    scope = exchange.caller.scope(*permissions)
    return scope.everywhere or (exchange.bank.settings.administration == "any" and bool(scope))


def require_administration(exchange: Exchange, *permissions: Permission) -> None:
    """Raise `Forbidden` unless the caller may decide for the whole installation."""
    if not administers(exchange, *permissions):
        raise Forbidden(
            f"This concerns the whole installation: it needs the permission {' or '.join(permissions)} for every "
            "customer (a grant for *)."
        )
