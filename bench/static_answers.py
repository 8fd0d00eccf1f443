"""A bare ASGI application on the same HTTP server. Shows the cost of an answer of a given size without the service.

An answer may include one round trip to the service's database. No service without a cache can cost less.
The application also takes uploads: four digests, a durable file and a durable row, and nothing else.
"""

import asyncio
import hashlib
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

from bench.limits import DIGESTS, INSERT, durable_file
from bench.load import Target
from bench.ports import HOST, free_port
from bench.service import Unusable
from samplebank.serving.scheduling import finish_before_others_begin

READY_SECONDS = 30
DATABASE = "BENCH_DATABASE_URL"
FOLDER = "BENCH_FOLDER"
CREATED, OK = 201, 200
#: connections of this process that are free at the moment
FREE: list[Any] = []


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer with as many bytes as the path says. Below /asked/, ask the database first. Keep the body of a POST."""
    status, size = OK, 2
    if scope["method"] == "POST":
        await _keep(receive)
        status = CREATED
    else:
        kind, _, size_said = scope["path"].strip("/").rpartition("/")
        size = int(size_said or 2)
        if kind:
            await _query("SELECT 1")
    headers = [(b"content-type", b"application/json"), (b"content-length", str(size).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b" " * size})


async def _keep(receive: Any) -> None:
    body, more = bytearray(), True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    digests = [hashlib.new(name, body, usedforsecurity=False).digest() for name in DIGESTS]
    await asyncio.to_thread(durable_file, Path(os.environ[FOLDER]), bytes(body))
    await _query(INSERT, *digests, len(body), int(1000 * time.time()))


async def _query(query: str, *values: object) -> None:
    db = FREE.pop() if FREE else await asyncpg.connect(os.environ[DATABASE])
    await db.fetchval(query, *values)
    FREE.append(db)


@contextmanager
def serving(processes: int, database_url: str, folder: Path | None = None) -> Iterator[Target]:
    """Serve the application in the same way as the service. `folder` takes the posted bodies."""
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
    environment = {**os.environ, DATABASE: database_url, FOLDER: str(folder or "")}
    root = Path(__file__).parent.parent
    process = subprocess.Popen(
        command,
        cwd=root,
        env=environment,
        stdin=subprocess.DEVNULL,
        preexec_fn=finish_before_others_begin,  # noqa: PLW1509 as in the service; no thread of the bench runs now
    )
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
