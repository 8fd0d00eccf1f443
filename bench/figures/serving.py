"""Start, idle and one large upload."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import uvloop

from bench import clients
from bench.clients import V2, WrongAnswer
from bench.figure import Figure, Limit, Surroundings
from bench.figures.cycle import wait_for_classifier
from bench.limits import Limits
from bench.machine import MemoryWatch
from bench.ports import HOST
from bench.service import Service
from bench.wire import Wire

MIB = 1024 * 1024
GIB_MIB = 1024
SMALL = 1024
CREATED = 201


def start(parent: Path, port: int | None, runs: int, later: ExitStack) -> list[Figure]:
    """Seconds until /readyz says 200: on a new folder, and on the folder of the last start.

    The folders are removed `later`. After removing files, ext4 makes new files more slowly for minutes.
    """
    fresh, existing = [], []
    with Surroundings(None) as around:
        for _ in range(runs):
            service = later.enter_context(Service(parent, port))
            fresh.append(service.start())
            service.stop()
            existing.append(service.start())
            service.stop()
    return [
        around.mark(Figure("start, existing data folder", "s", existing, 3, less=True)),
        around.mark(
            Figure(
                "start, fresh data folder", "s", fresh, 8, less=True, note="initdb, schema, first accounts"
            )
        ),
    ]


def idle(service: Service, seconds: float) -> Figure:
    """Processor time of all processes of the service while nobody calls, in percent of a core."""
    processes = service.processes()
    values = []
    with Surroundings(service.processes) as around:
        for _ in range(2):
            before = processes.processor_seconds()
            time.sleep(seconds)
            values.append(100 * (processes.processor_seconds() - before) / seconds)
    note = f"{len(processes.ids())} processes with those of the database, {seconds:g} s each"
    return around.mark(Figure("idle", "% of a core", values, 3, less=True, note=note))


def large_upload(service: Service, size_mib: int, runs: int, limits: Limits) -> list[Figure]:
    """Upload one file at a time: speed, and memory of all processes of the service without shared memory."""
    growth, speed = [], []
    # Upload a file before measuring: the first file makes the classifier load its model.
    asyncio.run(clients.prepare_all(HOST, service.port, service.key, [0], SMALL))
    asyncio.run(wait_for_classifier(service.database_url))
    with Surroundings(service.processes) as around:
        for run in range(runs):
            with MemoryWatch(service.processes()) as watch:
                seconds = uvloop.run(_upload(service, size_mib, run))
            growth.append(watch.growth_mib)
            speed.append(size_mib / seconds)
    slower = min(limits.digest_mib, limits.write_mib)
    name = "four digests on one core" if slower == limits.digest_mib else "durable write"
    size = f"{size_mib} MiB" if size_mib < GIB_MIB else f"{size_mib / GIB_MIB:g} GiB"
    return [
        around.mark(Figure(f"upload of {size}: memory growth", "MiB", growth, 64, less=True)),
        around.mark(Figure(f"upload of {size}", "MiB/s", speed, 150, limit=Limit(name, slower))),
    ]


async def _upload(service: Service, size_mib: int, run: int) -> float:
    wire = await Wire.open("127.0.0.1", service.port, service.key)
    began = time.perf_counter()
    status, body = await wire.send_stream(f"{V2}/sample", size_mib * MIB, _pieces(size_mib, run))
    seconds = time.perf_counter() - began
    wire.close()
    if status != CREATED:
        raise WrongAnswer(f"{status} instead of {CREATED}: {body[:300]!r}")
    return seconds


def _pieces(size_mib: int, run: int) -> Iterator[bytes]:
    """Contents that differ from run to run, and from MiB to MiB."""
    rest = bytes(range(256)) * 4096
    for number in range(size_mib):
        head = f"{run} {number} {time.time_ns()}".encode()
        yield head + rest[len(head) :]
