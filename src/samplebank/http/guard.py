"""Who may call: every route is guarded, unless the route is declared open."""

from collections.abc import Iterable
from typing import Any, cast

from litestar import Request

from samplebank.accounts.caller import forbidden
from samplebank.accounts.model import Permission
from samplebank.errors import Forbidden, Malformed, Unauthenticated, Unsupported
from samplebank.http.exchange import Exchange
from samplebank.http.operation import Operation

HEADER = b"argus-api-key"
ONCE = "The headers Host and Argus-API-Key may be given once only."
NO_KEY = "This call needs an API key in the header Argus-API-Key."
BAD_KEY = "The API key is unknown, expired or revoked."
#: the headers that say how a body is encoded, and the encodings that leave the bytes as they are
ENCODINGS = (b"content-encoding", b"transfer-encoding")
UNENCODED = frozenset({"", "identity", "chunked"})


async def guard(request: Request[Any, Any, Any]) -> None:
    """Authenticate the caller. Refuse a caller who holds none of the operation's permissions for any customer.

    Runs before every route, and is none of Litestar's guards: Litestar copies the route for each request to run guards.
    """
    exchange = cast("Exchange", request)
    key, encodings = _read_headers(exchange)
    opt = exchange.route_handler.opt
    if opt.get("open") or exchange.scope["method"] == "OPTIONS":
        return
    if not key:
        raise Unauthenticated(NO_KEY)
    await _admit(exchange, key)
    declared: Operation = opt["operation"]
    if encodings and declared.takes_body:
        _refuse_encoded(", ".join(encodings))


async def look_again(exchange: Exchange) -> None:
    """Look again who calls, for a request that waits: its key or its rights may have ended meanwhile.

    Raises `Unauthenticated` and `Forbidden`.
    """
    await _admit(exchange, exchange.header(HEADER) or "")


async def _admit(exchange: Exchange, key: str) -> None:
    declared: Operation = exchange.route_handler.opt["operation"]
    caller = await exchange.bank.callers.find(key, now=exchange.bank.clock())
    if caller is None:
        raise Unauthenticated(BAD_KEY)
    exchange.admit(caller)
    works = declared.by_claims and caller.holds(Permission.WORK_ON_CLAIMS)
    if declared.needs and not works and not caller.holds(*declared.needs):
        raise forbidden(declared.needs)
    require_width(exchange, declared)


def _read_headers(exchange: Exchange) -> tuple[str | None, list[str]]:
    """Read the API key and the encodings of the body, in one pass.

    Two keys or hosts are refused: a proxy before the service may have looked at the other key or host.
    """
    given = list(exchange.scope["headers"])
    if len(exchange.first_headers) == len(given):  # as nearly always: no header is given twice
        return exchange.header(HEADER), [one for name in ENCODINGS if (one := exchange.header(name))]
    return _read_repeated(given)


def _read_repeated(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str | None, list[str]]:
    key, has_host, encodings = None, False, []
    for name, value in headers:
        if name == HEADER:
            if key is not None:
                raise Malformed(ONCE)
            key = value.decode("latin-1")
        elif name == b"host":
            if has_host:
                raise Malformed(ONCE)
            has_host = True
        elif name in ENCODINGS:
            encodings.append(value.decode("latin-1"))
    return key, encodings


def _refuse_encoded(encodings: str) -> None:
    """Only the outer chunks of a body are taken apart. The sizes of inner chunks would be stored with the bytes."""
    names = [encoding.strip().lower() for encoding in encodings.split(",")]
    if not UNENCODED.issuperset(names) or names.count("chunked") > 1:
        raise Unsupported(
            f"The body is encoded ({encodings[:100]}); send the body as it is, without the header Content-Encoding, "
            "and with no Transfer-Encoding but one chunked."
        )


def require_width(exchange: Exchange, declared: Operation) -> None:
    """Raise `Forbidden` where the operation needs its permission for every customer, and the caller has less."""
    if declared.installation_wide:
        require_administration(exchange, *declared.needs)
    if declared.everywhere and not exchange.caller.scope(*declared.needs).everywhere:
        raise _narrow(*declared.needs)


def administers(exchange: Exchange, *permissions: Permission) -> bool:
    """Whether the caller may decide for the whole installation, by any of `permissions`."""
    scope = exchange.caller.scope(*permissions)
    return scope.everywhere or (exchange.bank.settings.administration == "any" and bool(scope))


def require_administration(exchange: Exchange, *permissions: Permission) -> None:
    """Raise `Forbidden` unless the caller may decide for the whole installation."""
    if not administers(exchange, *permissions):
        raise _narrow(*permissions)


def _narrow(*permissions: Permission) -> Forbidden:
    return Forbidden(
        f"This concerns the whole installation: it needs the permission {' or '.join(permissions)} for every "
        "customer (a grant for *)."
    )
