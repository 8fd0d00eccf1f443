"""Cycles on two services that share a PostgreSQL and a folder of blobs, as two hosts do; all of it runs on one machine here."""

import asyncio
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from bench import clients, load
from bench.databases import rows_of
from bench.figure import Figure
from bench.figures.cycle import CLIENTS, SIZE, WORKER, make_workers, wait_for_classifier
from bench.machine import Processes
from bench.ports import free_port
from bench.postgres import Postgres
from bench.service import Service

#: the servers of tests do without
SETTINGS = ("fsync = on", "shared_buffers = '1GB'")
#: of each service: the server allows sixty
CONNECTIONS = 22


def measure(parent: Path, count: int, runs: int) -> list[Figure]:
    """Measure cycles with 16 clients at each of two services, and with 32 at one. The note says who takes the processors."""
    with (
        tempfile.TemporaryDirectory(prefix="samplebank-bench-hosts-", dir=parent) as name,
        ExitStack() as stack,
    ):
        folder = Path(name)
        folder.chmod(0o755)
        server = Postgres(folder, free_port())
        server.start()
        for setting in SETTINGS:
            server.order(f"ALTER SYSTEM SET {setting}")
        server.stop()
        server.start()
        stack.callback(server.stop, "immediate")
        shared = {
            "SAMPLEBANK_DATABASE_URL": server.url,
            "SAMPLEBANK_DATABASE_CONNECTIONS": str(CONNECTIONS),
            "SAMPLEBANK_BLOB_URL": f"file://{folder / 'blobs'}",
        }
        services = [stack.enter_context(Service(parent, settings=shared)) for _ in range(2)]
        for service in services:
            service.start()
        asyncio.run(make_workers(services[0], [WORKER]))
        two = _cycles(server, services, "cycles, 16 clients at each of two services", count, runs)
        one = _cycles(server, services[:1], "cycles, 32 clients at one of two services", count, runs)
        return [two, one]


def _cycles(server: Postgres, services: list[Service], name: str, count: int, runs: int) -> Figure:
    figure = Figure(name, "/s", [])
    webs, database = Processes(*(one.pid for one in services)), Processes(server.pid)
    _run(server, services, count)
    before = webs.processor_seconds(), database.processor_seconds()
    for _ in range(runs):
        figure.values.append(_run(server, services, count))
    spent = webs.processor_seconds() - before[0], database.processor_seconds() - before[1]
    of_web, of_database = (1000 * seconds / (runs * count) for seconds in spent)
    figure.note = f"PostgreSQL apart; a cycle takes {of_web:.2f} ms of web processes and {of_database:.2f} of PostgreSQL, preparation included"
    return figure


def _run(server: Postgres, services: list[Service], count: int) -> float:
    """Cycles a second of all services together. Raises `WrongAnswer` where a cycle left no verdict."""
    seeds = range(20_000_000, 20_000_000 + count)
    first, key = services[0], services[0].key
    made = asyncio.run(clients.prepare_all("127.0.0.1", first.port, key, seeds, SIZE))
    asyncio.run(wait_for_classifier(server.url))
    before = asyncio.run(rows_of(server.url, "verdict"))
    each = 2 * CLIENTS // len(services)
    piles = [
        load.Pile([(WORKER, *one, False) for one in made[number :: len(services)]], each, tuple)
        for number in range(len(services))
    ]
    with ThreadPoolExecutor() as threads:
        outcomes = list(
            threads.map(
                lambda pair: load.run_off(
                    clients.cycle, load.Target("127.0.0.1", pair[0].port, key), pair[1]
                ),
                zip(services, piles, strict=True),
            )
        )
    done = sum(outcome.rounds for outcome in outcomes)
    verdicts = asyncio.run(rows_of(server.url, "verdict")) - before
    if verdicts != done:
        raise clients.WrongAnswer(f"{done} cycles left {verdicts} verdicts")
    return done / max(outcome.seconds for outcome in outcomes)
