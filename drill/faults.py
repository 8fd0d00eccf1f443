"""The faults of machines, each as one blow to a service."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from bench.databases import connected
from bench.service import Service

from samplebank.database import postmaster
from samplebank.database.embedded import EmbeddedServer
from samplebank.rehearsal.processes import children, kill

SIGNAL_PAUSE = 3.0
#: seconds between two sessions that are terminated
MOMENT = 0.05
SESSIONS = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"


def children_of(ancestor: int, words: str) -> list[int]:
    """The descendants of `ancestor` with `words` in the command."""
    listed = subprocess.run(
        ["ps", "-wweo", "pid=,ppid=,args="], capture_output=True, text=True, check=False
    ).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    family = {ancestor}
    for _ in range(5):
        family |= {int(pid) for pid, parent, *_ in rows if int(parent) in family}
    return [int(pid) for pid, _, *command in rows if int(pid) in family and command and words in command[0]]


def kill_web_twice(service: Service) -> int:
    """Kill the web processes twice within seconds. Returns how many were killed."""
    first = kill(children(service.pid, " serve "))
    time.sleep(SIGNAL_PAUSE)
    return first + kill(children(service.pid, " serve "))


def kill_housekeeper(service: Service) -> int:
    return kill(children(service.pid, "housekeeper_process"))


def kill_postmaster(service: Service) -> int:
    return kill([service.postmaster])


async def terminate_backends(url: str) -> int:
    """Terminate all sessions of the database at once. Returns how many."""
    async with connected(url) as db:
        return len(await db.fetch(f"SELECT pg_terminate_backend(pid) {SESSIONS}"))


async def terminate_one_by_one(url: str, seconds: float) -> int:
    """Terminate sessions of the database, one each moment. Returns how many."""
    ended, end = 0, time.monotonic() + seconds
    async with connected(url) as db:
        while time.monotonic() < end:
            ended += bool(
                await db.fetchval(f"SELECT pg_terminate_backend(pid) {SESSIONS} ORDER BY random() LIMIT 1")
            )
            await asyncio.sleep(MOMENT)
    return ended


async def lose_leases(url: str, number: int) -> None:
    """Let open tasks be executing with leases that have ended."""
    async with connected(url) as db:
        await db.execute(
            """
            UPDATE job_task SET state = 'executing', attempt = 1, start_time = enqueued_time, lease_until = 1,
                   lease_token = gen_random_uuid()
             WHERE id IN (SELECT id FROM job_task WHERE state = 'enqueued' LIMIT $1)
            """,
            number,
        )


async def lost_leases(url: str) -> int:
    async with connected(url) as db:
        found: int = await db.fetchval("SELECT count(*) FROM job_task WHERE lease_until = 1")
    return found


async def count(url: str, query: str) -> int:
    async with connected(url) as db:
        found: int = await db.fetchval(query)
    return found


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def challenge_in(answer: bytes) -> dict[str, Any]:
    """The solved challenge in the answer to an upload."""
    challenge: dict[str, Any] = json.loads(answer)["data"]["challenge"]
    return challenge


@contextmanager
def idle_connections(port: int, number: int) -> Iterator[None]:
    lines = [socket.create_connection(("127.0.0.1", port)) for _ in range(number)]
    try:
        yield
    finally:
        for line in lines:
            line.close()


class External:
    """A PostgreSQL that does not belong to the service."""

    def __init__(self, folder: Path) -> None:
        self._server = EmbeddedServer(folder)

    @contextmanager
    def running(self) -> Iterator[str]:
        with self._server.running() as url:
            yield url

    def restart(self, order: signal.Signals) -> None:
        """Tell the server to stop, by SIGINT (fast) or SIGQUIT (immediate); whoever keeps the server running starts it again.

        `pg_ctl stop` waits until no server is there, and would miss the moment between two.
        """
        pid = postmaster.find(self._server.data)
        if pid is not None:
            os.kill(pid, order)
            while postmaster.find(self._server.data) == pid:
                time.sleep(0.05)
