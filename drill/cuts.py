"""One of two hosts is cut off from the database under load: its locks go, the other does the housework, and nothing is lost."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from asyncpg import LockNotAvailableError
from bench.databases import connected
from bench.networks import Line, Network, NoNetwork, network
from bench.ports import free_port
from bench.postgres import Postgres
from bench.service import Service

from drill import holder
from drill.housework import LOOK, done_after
from drill.promises import broken
from drill.restarts import BEFORE, WHOLE, of_hosts
from drill.rows import Row, Toll, came_back
from samplebank.maintenance.election import LOCK
from samplebank.rehearsal.load import Load, wholeness

HOSTS = 2
#: seconds after a cut within which locks are free again, and the other host does the housework
ELSEWHERE = 15.0
#: the address of the host whose housekeeper is elected
ELECTED = """
    SELECT host(client_addr) FROM pg_stat_activity JOIN pg_locks USING (pid)
     WHERE locktype = 'advisory' AND objid = $1 AND granted
"""
FAULT = "one of two hosts cut off from the database"
GOAL = (
    f"locks free and housework elsewhere <= {ELSEWHERE:.0f} s; ready again <= {WHOLE:.0f} s after the cut; "
    "0 failed but 503; 0 lost, doubled"
)


class Seen(NamedTuple):
    """What a round gave: seconds until so, None for too long.

    `free` and `elsewhere` count from the cut: the locks, and the housework of the other host. `ready` counts from the end of the cut.
    """

    free: float | None
    elsewhere: float | None
    ready: float | None


class Host(NamedTuple):
    """A service with a network of its own: a line to the database, at a URL, and another line to the clients."""

    service: Service
    line: Line
    url: str


def run(folder: Path, rounds: int) -> Iterator[Row]:
    try:
        with _installation(folder) as (hosts, url):
            yield _drill(hosts, url, rounds)
    except NoNetwork as error:
        yield Row(FAULT, 0, GOAL, f"left out: {error}", None)


def _drill(hosts: Sequence[Host], url: str, rounds: int) -> Row:
    key = hosts[0].service.key
    with ExitStack() as loading:
        loads = [loading.enter_context(Load(host.service.url, key)) for host in hosts]
        seen = [_cut(hosts, url) for _ in range(rounds)]
    promises = [promise for load in loads for promise in load.promises]
    lost, doubled = broken(hosts[0].service.url, key, promises)
    toll = Toll(promised=len(promises), lost=lost, doubled=doubled) + came_back(one.ready for one in seen)
    return _row(seen, toll, loads)


def _row(seen: Sequence[Seen], toll: Toll, loads: Sequence[Load]) -> Row:
    failed, later = sum(load.failed for load in loads), sum(load.later for load in loads)
    free, elsewhere = came_back(one.free for one in seen), came_back(one.elsewhere for one in seen)
    missed = free.away + elsewhere.away + toll.away
    said = (
        f"locks free after {free.whole:.1f} s at most, housework elsewhere after "
        f"{elsewhere.whole:.1f} s, ready again after {toll.whole:.1f} s; {missed} times too late; "
        f"{failed} failed, {later} x 503, slowest answer {max(load.slowest for load in loads):.1f} s; "
        f"{toll.promised:,} promised, {toll.lost} lost, {toll.doubled} doubled"
    )
    return Row(FAULT, len(seen), GOAL, said, not missed + failed + toll.lost + toll.doubled, toll)


@contextmanager
def _installation(folder: Path) -> Iterator[tuple[list[Host], str]]:
    """The hosts, and the URL of the database for this machine."""
    database = Postgres(folder, free_port())
    with ExitStack() as stack:
        nets = [stack.enter_context(network()) for _ in range(HOSTS)]
        database.start()
        stack.callback(database.stop, "immediate")
        hosts = [_host(folder, net, database) for net in nets]
        database.listen_at(*(host.line.here for host in hosts))
        for host in hosts:
            stack.enter_context(host.service)
            host.service.start()
        yield hosts, database.url


def _host(folder: Path, net: Network, database: Postgres) -> Host:
    line = net.line()
    url = database.url_at(database.port, line.here)
    return Host(Service(folder, settings=of_hosts(folder, url), line=net.line()), line, url)


def _cut(hosts: Sequence[Host], url: str) -> Seen:
    """Cut off the host that does the housework and holds the lock of a row, until the other does the housework."""
    time.sleep(BEFORE)
    elected = asyncio.run(_elected(url))
    host = next(one for one in hosts if one.line.there == elected)
    with _held(host):
        host.line.cut()
        began, struck = time.monotonic(), time.time_ns() // 1_000_000
        try:
            free = asyncio.run(_until_free(url, began))
            elsewhere = asyncio.run(_until_done(url, began, struck))
        finally:
            host.line.mend()
    return Seen(free, elsewhere, wholeness(host.service.url, WHOLE))


@contextmanager
def _held(host: Host) -> Iterator[None]:
    """A program on the host that holds the lock of a row, for as long as the block lasts."""
    command = [*host.line.enter, sys.executable, "-m", "drill.holder", host.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None  # noqa: S101 it has a pipe
            if process.stdout.readline() != holder.READY:
                raise RuntimeError("No lock could be held.")
            yield
        finally:
            process.kill()


async def _elected(url: str) -> str:
    """The address of the host that does the housework, as soon as there is one."""
    end = time.monotonic() + WHOLE
    async with connected(url) as db:
        while time.monotonic() < end:
            if found := await db.fetchval(ELECTED, LOCK):
                return str(found)
            await asyncio.sleep(LOOK)
    raise RuntimeError("No host does the housework.")


async def _until_free(url: str, began: float) -> float | None:
    """Wait for the lock that the host has held."""
    async with connected(url) as db:
        await db.execute(f"SET lock_timeout = '{WHOLE}s'")
        with suppress(LockNotAvailableError):
            await db.execute("SELECT FROM housework FOR UPDATE")
    return _within(ELSEWHERE, began)


async def _until_done(url: str, began: float, struck: int) -> float | None:
    await done_after(url, struck, WHOLE)
    return _within(ELSEWHERE, began)


def _within(limit: float, began: float) -> float | None:
    seconds = time.monotonic() - began
    return seconds if seconds <= limit else None
