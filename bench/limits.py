"""The limits of the machine, measured in the same run: digests, durable files, durable rows, static answers."""

import asyncio
import hashlib
import itertools
import os
import secrets
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from bench import clients, load
from bench.databases import connected
from bench.service import Service

MIB = 1024 * 1024
CLIENTS = 16
DIGESTS = ("md5", "sha1", "sha256", "sha512")
#: seconds of a measurement, and of a measurement between two runs of a figure
SECONDS, SHORT = 2.0, 0.7
SCHEMA = "bench_limits"
# a copy of the table of samples with all indexes, in a schema that is removed afterwards
MAKE_TABLE = f"CREATE SCHEMA {SCHEMA}; CREATE TABLE {SCHEMA}.sample (LIKE public.sample INCLUDING ALL)"
DROP_TABLE = f"DROP SCHEMA {SCHEMA} CASCADE"
INSERT = f"""
    INSERT INTO {SCHEMA}.sample
           (md5, sha1, sha256, sha512, size, created_time, activity_time, unread_since, readers)
    VALUES ($1, $2, $3, $4, $5, $6, $6, $6, ARRAY[3::bigint])
"""


class Limits(msgspec.Struct):
    #: MiB a second for the four digests of one stream, computed one after the other on one core, as in the service
    digest_mib: float
    #: files of 16 KiB per second, 16 at once: created, synced, renamed, and the folder synced
    files: float
    #: MiB a second for one file of 1 GiB (256 MiB in quick mode), written and synced
    write_mib: float
    #: transactions per second, 16 at once: the row of one sample, committed with fsync
    inserts: float
    #: answers of /healthz per second, 16 clients
    answers: float

    @property
    def cycles(self) -> float:
        """The most cycles per second: every cycle needs three static answers and three durable transactions."""
        return 1 / (3 / self.answers + 3 / self.inserts)


def measure(service: Service, *, quick: bool) -> Limits:
    return Limits(
        digest_mib(),
        files(service.folder),
        write_mib(service.folder, 256 if quick else 1024),
        inserts(service.database_url),
        answers(service),
    )


def uploads(service: Service) -> float:
    """Uploads of 16 KiB per second: digests, a durable file and a durable row, one after the other."""
    rates = 64 * digest_mib(SHORT), files(service.folder, SHORT), inserts(service.database_url, SHORT)
    return 1 / sum(1 / rate for rate in rates)


def digest_mib(seconds: float = SECONDS) -> float:
    piece, hashes = os.urandom(MIB), [hashlib.new(name, usedforsecurity=False) for name in DIGESTS]
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        for digest in hashes:
            digest.update(piece)
        done += 1
    return done / (time.perf_counter() - began)


def files(parent: Path, seconds: float = SECONDS) -> float:
    """Durable files per second. The files stay: after removing files, ext4 is slower for minutes."""
    folder = Path(tempfile.mkdtemp(prefix="limits-", dir=parent))
    content, end = os.urandom(16 * 1024), time.perf_counter() + seconds

    def write(_: int) -> int:
        done = 0
        while time.perf_counter() < end:
            durable_file(folder, content)
            done += 1
        return done

    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as threads:
        done = sum(threads.map(write, range(CLIENTS)))
    return done / (time.perf_counter() - began)


def durable_file(folder: Path, content: bytes) -> None:
    """Write a file so that after a crash the file is whole under its name, or absent."""
    path = folder / secrets.token_hex(8)
    with path.open("xb", buffering=0) as file:
        file.write(content)
        os.fsync(file.fileno())
    path.rename(path.with_suffix(".kept"))
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_mib(folder: Path, size: int) -> float:
    piece, path = os.urandom(MIB), folder / "limits.bin"
    began = time.perf_counter()
    with path.open("xb", buffering=0) as file:
        for _ in range(size):
            file.write(piece)
        os.fsync(file.fileno())
    seconds = time.perf_counter() - began
    path.unlink()
    return size / seconds


@contextmanager
def samples_table(url: str) -> Iterator[None]:
    """Provide the table that `INSERT` fills, while the block lasts."""
    asyncio.run(_execute(url, MAKE_TABLE))
    try:
        yield
    finally:
        asyncio.run(_execute(url, DROP_TABLE))


async def _execute(url: str, statement: str) -> None:
    async with connected(url) as db:
        await db.execute(statement)


def inserts(url: str, seconds: float = SECONDS) -> float:
    with samples_table(url):
        return asyncio.run(_rate(url, _insert, seconds))


async def _insert(db: Any) -> None:
    digests = (os.urandom(size) for size in (16, 20, 32, 64))
    await db.execute(INSERT, *digests, 16 * 1024, int(1000 * time.perf_counter()))


def selects(
    url: str,
    statement: str,
    values: Sequence[tuple[object, ...]],
    seconds: float,
    *,
    connections: int = CLIENTS,
) -> float:
    """Reads of the rows per second by asyncpg alone, over some connections at once. Takes the values in turn."""
    turn = itertools.cycle(values)
    return asyncio.run(_rate(url, lambda db: db.fetch(statement, *next(turn)), seconds, connections))


async def _rate(
    url: str, ask: Callable[[Any], Awaitable[object]], seconds: float, connections: int = CLIENTS
) -> float:
    """Calls of `ask` per second, over some connections at once."""
    async with asyncpg.create_pool(url, min_size=connections, max_size=connections) as pool:
        began = time.perf_counter()

        async def go_on() -> int:
            done = 0
            async with pool.acquire() as db:
                while time.perf_counter() < began + seconds:
                    await ask(db)
                    done += 1
            return done

        done = await asyncio.gather(*(go_on() for _ in range(connections)))
        return sum(done) / (time.perf_counter() - began)


def answers(service: Service) -> float:
    work = [[("GET", "/healthz", b"")]] * CLIENTS
    return load.run(clients.ask_again, service.target(None), work, seconds=SECONDS).rate
