"""A host that is cut off from the network holds nobody up: the server frees its locks, and others do the housework."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from bench.databases import connected
from bench.networks import Line, network

from hosts import cut_off_host
from kit.postgres import Postgres
from samplebank.maintenance import election

#: seconds after which a test is lost: without probes of the line the server keeps the locks for two hours
PATIENCE = 120


@pytest.fixture
def line() -> Iterator[Line]:
    """The line between this machine and the host."""
    with network() as net:
        yield net.line()


@pytest.fixture
def reached(postgres: Postgres, line: Line) -> Iterator[str]:
    """The URL of the server over the line of the host."""
    postgres.listen_at(line.here)
    yield postgres.url_at(postgres.port, line.here)
    postgres.listen_at()


@pytest.fixture
def host(line: Line, reached: str) -> Iterator["subprocess.Popen[str]"]:
    """A host that holds the lock of the election, and a lock on the row of the housework in an open transaction."""
    command = [*line.enter, sys.executable, cut_off_host.__file__, reached]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        assert host.stdout.readline() == cut_off_host.READY
        yield host
        host.kill()


async def test_the_locks_of_a_host_that_is_cut_off_are_freed(
    postgres: Postgres, line: Line, host: "subprocess.Popen[str]"
) -> None:
    line.cut()

    async with connected(postgres.url) as db:
        await db.execute(f"SET lock_timeout = '{PATIENCE}s'")
        await db.execute("SELECT pg_advisory_lock($1)", election.LOCK)
        await db.execute(f"SELECT FROM {cut_off_host.TABLE} FOR UPDATE")

    assert host.wait(PATIENCE) != 0  # the host has noticed, too, and does no housework any more
