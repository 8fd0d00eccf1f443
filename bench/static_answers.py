"""A bare ASGI application on the same HTTP server: what an answer of a given size costs without the service.

The same with one round trip to the service's database, the least there is, tells what no service can fall below that
keeps nothing to itself.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg

from bench.load import Target
from bench.service import HOST, Unusable, free_port

READY_SECONDS = 30
DATABASE = "BENCH_DATABASE_URL"
#: connections of this process that nobody uses at the moment
FREE: list[Any] = []


async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001 the interface
    """Answers as many bytes as the path says; below /asked/ once the database has answered."""
    kind, _, size_said = scope["path"].strip("/").rpartition("/")
    size = int(size_said or 2)
    if kind:
        await _ask()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(size).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b" " * size})


async def _ask() -> None:
    db = FREE.pop() if FREE else await asyncpg.connect(os.environ[DATABASE])
    await db.fetchval("SELECT 1")
    FREE.append(db)


@contextmanager
def serving(processes: int, database_url: str) -> Iterator[Target]:
    """The application, served as the service is."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "granian",
        "bench.static_answers:app",
        "--interface",
        "asgi",
        "--http",
        "1",
    ]
    command += ["--workers", str(processes), "--loop", "uvloop", "--runtime-mode", "st", "--no-ws"]
    command += ["--host", HOST, "--port", str(port), "--no-log"]
    environment = {**os.environ, DATABASE: database_url}
    folder = Path(__file__).parent.parent
    process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL)
    try:
        _await(port)
        yield Target(HOST, port, None)
    finally:
        process.terminate()
        process.wait()


def _await(port: int) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise Unusable("The server of static answers did not start.")
