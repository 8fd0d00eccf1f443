"""Uploads into a bucket of SeaweedFS, beside what obstore alone sends to the same server in the same run."""

import asyncio
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import obstore
import uvloop
from obstore.store import S3Store

from bench import clients, load
from bench.clients import WrongAnswer
from bench.distance import far_away
from bench.figure import Figure, Limit, Surroundings
from bench.figures.cycle import CLIENTS, SIZE, fresh_files
from bench.figures.serving import large_upload
from bench.limits import Limits
from bench.ports import free_port
from bench.seaweed import BUCKET, S3Server
from bench.service import Service

#: the least share of what obstore alone sends, and the seconds that a far bucket is away
SHARE, AWAY = 0.6, 0.04


def measure(
    parent: Path, port: int | None, count: int, *, size_mib: int, runs: int, found: Limits
) -> list[Figure]:
    """Measure small uploads in turn with obstore alone, near and far from the bucket, and the memory of one large upload."""
    with tempfile.TemporaryDirectory(prefix="samplebank-bench-s3-", dir=parent) as folder:
        try:
            s3 = S3Server(Path(folder), free_port).start()
        except (OSError, RuntimeError) as error:
            raise WrongAnswer(f"no S3 server: {error}") from error
        try:
            with _service(parent, port, s3) as service:
                near = _small(service, s3, count, runs, "SeaweedFS on the same machine")
                memory, speed = large_upload(service, size_mib, 1, found)
            with far_away(s3.port, AWAY) as url, _service(parent, port, s3.reached_by(url)) as service:
                note = f"answers of SeaweedFS come {AWAY * 1000:.0f} ms later"
                far = _small(service, s3.reached_by(url), count, runs, note)
                far.name += ", far away"
        finally:
            s3.kill()
    for figure in (memory, speed):
        figure.name += ", into a bucket"
    speed.goal = None
    return [near, far, memory, speed]


@contextmanager
def _service(parent: Path, port: int | None, s3: S3Server) -> Iterator[Service]:
    place = {**s3.environment(), "SAMPLEBANK_BLOB_URL": f"s3://{BUCKET}/{secrets.token_hex(4)}"}
    with Service(parent, port, place) as service:
        service.start()
        yield service


def _small(service: Service, s3: S3Server, count: int, runs: int, note: str) -> Figure:
    figure = Figure("upload of 16 KiB into a bucket, 16 clients", "/s", [], note=f"new samples; {note}")
    store = s3.store("alone", patience="20 seconds")
    alone = [uvloop.run(_alone(store, count))]
    with Surroundings(service.processes) as around:
        for _ in range(runs):
            files = fresh_files(count, SIZE, CLIENTS)
            figure.values.append(load.run_off(clients.upload, service.target(), files).rate)
            alone.append(uvloop.run(_alone(store, count)))
    limit = statistics.median(alone)
    figure.goal, figure.limit = SHARE * limit, Limit("obstore alone", limit)
    return around.mark(figure)


async def _alone(store: S3Store, count: int) -> float:
    """Objects of as many bytes a second, by as many writers, each under a new key."""
    names: Iterator[str] = iter([os.urandom(16).hex() for _ in range(count)])
    bodies = {name: os.urandom(SIZE) for name in names}
    left = iter(bodies.items())

    async def write() -> None:
        for name, body in left:
            await obstore.put_async(store, name, body, use_multipart=False)

    began = time.perf_counter()
    await asyncio.gather(*(write() for _ in range(CLIENTS)))
    return count / (time.perf_counter() - began)
