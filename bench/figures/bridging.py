"""Archives through a real Karton and back: whole analyses a second, with the services of others on the same machine."""

import asyncio
import io
import json
import secrets
import subprocess
import tempfile
import time
import urllib.request
import zipfile
from pathlib import Path

from bench.clients import FILE, V2, WrongAnswer
from bench.databases import connected
from bench.figure import Figure, Surroundings
from bench.karton import Bridge, Karton
from bench.ports import free_port
from bench.seaweed import S3Server
from bench.service import Service

PROGRAM = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\x3e\x00\x01\x00\x00\x00" + bytes(40)
PATIENCE = 300.0
OPEN = "SELECT count(*) FROM job WHERE end_time IS NULL"
FAILED = "SELECT count(*) FROM job_task WHERE state <> 'success' AND worker = 'karton'"


def measure(parent: Path, port: int | None, count: int, runs: int) -> list[Figure]:
    """Measure archives of two programs each, which become an analysis with two children."""
    with tempfile.TemporaryDirectory(prefix="samplebank-bench-karton-", dir=parent) as name:
        folder = Path(name)
        try:
            s3 = S3Server(folder / "s3", free_port).start()
            karton = Karton(folder, free_port, s3).start()
        except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
            raise WrongAnswer(f"no Karton: {error}") from error
        try:
            with Service(parent, port) as service:
                service.start()
                return [_archives(folder, service, karton, count, runs)]
        finally:
            karton.stop()
            s3.kill()


def _archives(folder: Path, service: Service, karton: Karton, count: int, runs: int) -> Figure:
    figure = Figure(
        "archives through Karton and back", "/s", [], note="two programs each; Karton on the same machine"
    )
    bridge = Bridge(folder, service, karton)
    try:
        _ask(service, "PUT", f"{V2}/policy/default", json.dumps({"workers": ["karton"]}).encode())
        _run(service, 2)
        with Surroundings(service.processes) as around:
            for _ in range(runs):
                began = time.perf_counter()
                _run(service, count)
                figure.values.append(count / (time.perf_counter() - began))
    finally:
        bridge.kill()
    return around.mark(figure)


def _run(service: Service, count: int) -> None:
    """Submit archives, and wait for the end of all jobs."""
    for number in range(count):
        path = f"{FILE}?fileName=archive-{number}.zip&userAgent.name=bench&userAgent.version=1"
        _ask(service, "POST", path, _archive(), kind="application/octet-stream")
    if not asyncio.run(_end(service)):
        raise WrongAnswer("Jobs of Karton did not end, or failed.")


async def _end(service: Service) -> bool:
    """Whether all jobs have ended in time, each with success."""
    end = time.monotonic() + PATIENCE
    async with connected(service.database_url) as db:
        while await db.fetchval(OPEN):
            if time.monotonic() > end:
                return False
            await asyncio.sleep(0.02)
        return not await db.fetchval(FAILED)


def _archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("first", "second"):
            archive.writestr(name, PROGRAM + secrets.token_bytes(2000))
    return buffer.getvalue()


def _ask(service: Service, method: str, path: str, body: bytes, kind: str = "application/json") -> None:
    headers = {"Argus-API-Key": service.key, "Content-Type": kind}
    request = urllib.request.Request(f"{service.url}{path}", body, headers, method=method)  # noqa: S310 our own service
    with urllib.request.urlopen(request, timeout=60):  # noqa: S310 as above
        pass
