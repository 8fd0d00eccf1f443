"""A bare ASGI application on the same HTTP server: what an answer of a given size costs without the service."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.load import Target
from bench.service import HOST, Unusable, free_port

READY_SECONDS = 30


async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001 the interface
    """Answers as many bytes as the path says."""
    size = int(scope["path"].strip("/") or 2)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(size).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b" " * size})


@contextmanager
def serving(processes: int) -> Iterator[Target]:
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
    process = subprocess.Popen(command, cwd=Path(__file__).parent.parent, stdin=subprocess.DEVNULL)
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
