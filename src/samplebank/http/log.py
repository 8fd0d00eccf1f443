"""Around every request: an id, a line in the access log, and the figures for /metrics."""

import logging
import secrets
import time
from collections.abc import Callable, Iterable, MutableMapping
from functools import cache
from typing import Any

import msgspec
from litestar import Response
from litestar.types import ASGIApp, Receive, Scope, Send
from prometheus_client import Counter, Histogram

from samplebank.assembly import clock
from samplebank.errors import Refusal, TooMany
from samplebank.http.acts import Acts
from samplebank.http.addresses import network_of
from samplebank.http.places import Places
from samplebank.logs import Faults
from samplebank.timespec import Millis

access_log = logging.getLogger("samplebank.access")
#: a missing part fails every request, and a trace for each request would hide the cause and fill the disk
faults = Faults(logging.getLogger("samplebank.failure"))
REQUESTS = Counter("samplebank_requests", "Requests answered.", ["method", "operation", "status"])
SECONDS = Histogram(
    "samplebank_request_seconds",
    "Time from request to answer, in seconds.",
    ["operation"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5, 30),
)
CLIENT_GONE = 499
CACHING = b"cache-control"
CROWDED = "Too many requests of your address are under way at once; wait until some end."
#: seconds after which a client that found no place may come again
COME_AGAIN = 5
#: the methods counted by name; callers may send any other method, and all others are counted together
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})


class Observed:
    """An ASGI application whose requests get an id, a line in the access log, and figures."""

    #: requests under way by the client's network
    addresses: Places
    #: what the ledger is told of requests; None until the application has started
    acts: Acts | None = None
    #: the time of a request: the clock of this host until the application has started, then the clock of the database
    clock: Callable[[], Millis]

    def __init__(self, app: ASGIApp, refusal: Callable[[Refusal], Response[bytes]]) -> None:
        self.app = app
        self.clock = clock
        self._refusal = refusal
        #: the connections on which requests are under way, by the client's address and port
        self.clients: set[tuple[str, int]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if str(scope["type"]) != "http":
            await self.app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        state: dict[str, Any] = {"now": self.clock(), "request_id": request_id}
        scope["state"] = state
        began = time.perf_counter()
        status = CLIENT_GONE

        async def send_with_id(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _completed(message["headers"], request_id)
            await send(message)

        address, port = scope["client"] or ("-", 0)
        client = (address, int(port))  # Granian has the port as a text
        network = network_of(address)
        if not self.addresses.enter(network):
            await _send_answer(self._refusal(TooMany(CROWDED, wait=COME_AGAIN)), send_with_id)
            _observe(scope, state, status, time.perf_counter() - began)
            return
        self.clients.add(client)
        try:
            await self.app(scope, receive, send_with_id)
        finally:
            self.clients.discard(client)
            self.addresses.leave(network)
            if counted := state.get("counted"):
                state["budgets"].crowd.leave(counted)
            if held := state.get("held"):
                state["budgets"].memory.give(held, state["caller"].user.id)
            if self.acts is not None:
                self.acts.note(scope, status)
            _observe(scope, state, status, time.perf_counter() - began)

    @staticmethod
    def note_failure(scope: Any, error: Exception) -> None:
        """Log an unforeseen error with its trace, once a minute for each kind and place."""
        faults.tell("request.failed", error, request=scope["state"].get("request_id", ""))


def _completed(headers: Iterable[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
    """Add the request id to the headers of an answer. Forbid caches to keep the answer, unless the headers say otherwise.

    The headers are not given to Litestar, because Litestar compares each header with all headers before.
    """
    given = [*headers, (b"x-request-id", request_id.encode())]
    if CACHING not in dict(given):
        given.append((CACHING, b"no-store"))
    return given


async def _send_answer(answer: Response[bytes], send: Any) -> None:
    headers = {**answer.headers, "Content-Type": str(answer.media_type), "Connection": "close"}
    sent = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status_code, "headers": sent})
    await send({"type": "http.response.body", "body": answer.content, "more_body": False})


# Kept for each combination of labels: `labels` takes a lock and builds a key each time.
@cache
def _count(method: str, name: str, status: int) -> Counter:
    return REQUESTS.labels(method, name, str(status))


@cache
def _time(name: str) -> Histogram:
    return SECONDS.labels(name)


class RequestRecord(logging.LogRecord):
    """A record of the access log. `LogRecord` would look up the place, the thread and the process, which the log does not show."""

    name = access_log.name
    msg = "request"
    args = None
    levelno = logging.INFO
    levelname = "INFO"
    pathname = filename = module = funcName = ""  # noqa: N815 the names of the base class
    lineno = 0
    exc_info = exc_text = stack_info = thread = process = None
    threadName = processName = taskName = None  # noqa: N815 the names of the base class

    def __init__(self, fields: dict[str, Any]) -> None:  # the base class would set all of the above
        self.created = time.time()
        self.msecs = self.created % 1 * 1000
        self.relativeCreated = 0.0
        self.fields = fields


def _observe(scope: Scope, state: MutableMapping[str, Any], status: int, seconds: float) -> None:
    handler: Any = scope.get("route_handler")
    declared = handler.opt.get("operation") if handler is not None else None
    name = declared.id if declared else "other"
    method = str(scope.get("method", ""))
    _count(method if method in METHODS else "other", name, status).inc()
    _time(name).observe(seconds)
    if access_log.isEnabledFor(logging.INFO):
        caller = state.get("caller")
        fields = {
            "request": state["request_id"],
            "method": method,
            "path": scope["path"],
            "status": status,
            "ms": round(seconds * 1000, 1),
            "client": (scope["client"] or "-")[0],
            "user": caller.user.short_name if caller else "-",
            "key": msgspec.to_builtins(caller.key_id) if caller else "-",
        }
        access_log.handle(RequestRecord(fields))
