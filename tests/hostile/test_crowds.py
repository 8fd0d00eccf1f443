"""Connections that hold much and bring little: slow bodies, and many idle connections."""

import asyncio
import contextlib
import select
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from bench.databases import connected

from kit.bank import V2, Bank, Sample, eventually
from kit.service import Service
from samplebank.database import Connection
from samplebank.errors import TooSlow
from samplebank.http.bodies import Pace

#: more lines than Granian serves by default
IDLE = 2_200
Ask = Callable[..., socket.socket]
#: connections of a process that serves alone
CONNECTIONS = 12
# Sessions that wait for a table with the statement that most of them have: others are the housekeeper's.
CROWD = """
    blocked AS (
        SELECT pid, query, query_start FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'relation'
    ),
    crowd AS (SELECT pid, query_start FROM blocked WHERE query = (SELECT mode() WITHIN GROUP (ORDER BY query) FROM blocked))
"""
BLOCKED = f"WITH {CROWD} SELECT count(*) FROM crowd"
CANCEL_ONE = f"WITH {CROWD} SELECT pid, query_start, pg_cancel_backend(pid) FROM crowd LIMIT 1"
STILL_BLOCKED = f"WITH {CROWD} SELECT FROM crowd WHERE pid = $1 AND query_start = $2"


def is_readable(line: socket.socket) -> bool:
    return bool(select.select([line], [], [], 0)[0])


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.01)


async def until_blocked(control: Connection, otherwise: Callable[[], bool]) -> None:
    """Wait until all connections of the service wait for the table, or `otherwise` holds."""

    async def all_wait() -> bool:
        return otherwise() or await control.fetchval(BLOCKED) >= CONNECTIONS

    await until(all_wait)


async def cancel_one(control: Connection) -> None:
    """End one of the statements that wait for the table. A busy server takes a while to notice the end."""
    ((pid, began, _),) = await control.fetch(CANCEL_ONE)

    async def has_ended() -> bool:
        return not await control.fetch(STILL_BLOCKED, pid, began)

    await until(has_ended)


def until_caught_up(ask: Ask) -> None:
    """Wait until the service has begun all requests that came before: a request that needs no connection is answered."""
    assert ask("GET", "/healthz").recv(12) == b"HTTP/1.1 200"


@pytest.fixture
def ask(strict: Service) -> Iterator[Ask]:
    """Begin a request of mia, or of another user, and no more: `ask("POST", path, "Content-Length: 5")`; the line."""
    with contextlib.ExitStack() as lines:

        def begin(method: str, path: str, *headers: str, user: str = "mia") -> socket.socket:
            line = lines.enter_context(socket.create_connection(("127.0.0.1", strict.port), timeout=30))
            head = [
                f"{method} {path} HTTP/1.1",
                "Host: here",
                f"Argus-API-Key: {strict.keys[user]}",
                *headers,
            ]
            line.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
            return line

        yield begin


def read_all(line: socket.socket) -> bytes:
    """Everything that comes until the other end closes the line."""
    return b"".join(iter(lambda: line.recv(4096), b""))


@pytest.mark.parametrize("path", [f"{V2}/sample", f"{V2}/submission/search"])
def test_a_body_that_does_not_come_is_given_up(ask: Ask, path: str) -> None:
    line = ask("POST", path, "Content-Length: 100000")
    line.sendall(b"{" * 1000)

    answer = read_all(line)

    assert answer.startswith(b"HTTP/1.1 408")
    assert b"too slowly" in answer


def test_a_body_that_comes_drop_by_drop_is_given_up(ask: Ask) -> None:
    line = ask("POST", f"{V2}/sample", "Content-Length: 100000")
    line.settimeout(0.05)
    answer, end = b"", time.monotonic() + 20

    while not answer and time.monotonic() < end:
        line.sendall(b"x")
        with contextlib.suppress(TimeoutError):
            answer = line.recv(4096)

    assert answer.startswith(b"HTTP/1.1 408")


async def test_a_user_who_waits_for_many_connections_delays_others_by_few_turns(
    strict: Service, guarded: Bank, ask: Ask
) -> None:
    path, tasks = Sample().path, f"{V2}/servicetask"
    assert {guarded.get(tasks, user).status_code for user in ("mia", "hana")} == {200}
    async with (
        connected(strict.database_url) as control,
        connected(strict.database_url) as db,
        db.transaction(),
    ):
        await db.execute("LOCK TABLE sample IN ACCESS EXCLUSIVE MODE")
        crowd = [ask("GET", path) for _ in range(18)]
        await until_blocked(control, lambda: False)
        other = ask("GET", tasks, user="hana")
        turns = 0
        until_caught_up(ask)
        while not is_readable(other):
            await cancel_one(control)
            turns += 1
            await until_blocked(control, lambda: is_readable(other))
            until_caught_up(ask)
        answer = other.recv(12)

    assert (answer, turns <= 3) == (b"HTTP/1.1 200", True)
    assert all(line.recv(12) for line in crowd)  # nothing stays under way


async def test_one_address_has_so_many_requests_under_way_and_may_come_again(
    strict: Service, guarded: Bank, ask: Ask
) -> None:
    path = Sample().path
    async with connected(strict.database_url) as db, db.transaction():
        await db.execute("LOCK TABLE sample IN ACCESS EXCLUSIVE MODE")
        lines = [ask("GET", path) for _ in range(20)]
        refused = eventually(lambda: guarded.get("/healthz", None).status_code == 429)

    assert refused
    assert {line.recv(12)[9:] for line in lines} <= {b"404", b"503"}
    assert eventually(lambda: guarded.get("/healthz", None).status_code == 200)


def test_idle_lines_keep_nobody_out(strict: Service, guarded: Bank) -> None:
    with contextlib.ExitStack() as lines:
        for _ in range(IDLE):
            lines.enter_context(socket.create_connection(("127.0.0.1", strict.port), timeout=30))

        answer = guarded.get(f"{V2}/job", "mia")

    assert answer.status_code == 200


async def test_a_body_that_began_quickly_has_no_more_patience_than_others() -> None:
    pace = Pace(0.1)

    async def much() -> Any:
        return {"body": bytes(16 * 1024**2), "more_body": True}

    await pace.next(much)
    with pytest.raises(TooSlow):
        async with asyncio.timeout(60):
            await pace.next(asyncio.Event().wait)
