"""What the machine itself can do, measured in the same run: digests, durable files, durable rows, static answers."""

import asyncio
import hashlib
import os
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import msgspec

from bench import clients, load
from bench.service import Service

MIB = 1024 * 1024
CLIENTS = 16
DIGESTS = ("md5", "sha1", "sha256", "sha512")
SECONDS = 2.0


class Limits(msgspec.Struct):
    #: the four digests of one stream, one after the other on one core, as the service computes them
    digest_mib: float
    #: 16 KiB files created, synced, renamed and their folder synced, per second, 16 at once
    files: float
    #: one file of 1 GiB (256 MiB in quick mode) written and synced
    write_mib: float
    #: transactions of one row, committed with fsync, per second, 16 at once
    inserts: float
    #: /healthz, per second, 16 clients
    answers: float

    @property
    def cycles(self) -> float:
        """Three static answers and three durable transactions, which a cycle cannot do without."""
        return 1 / (3 / self.answers + 3 / self.inserts)

    @property
    def uploads(self) -> float:
        """Digests, a durable file, a durable row and an answer, one after the other, of a file of 16 KiB."""
        return 1 / (1 / (64 * self.digest_mib) + 1 / self.files + 1 / self.inserts + 1 / self.answers)


def measure(service: Service, *, quick: bool) -> Limits:
    return Limits(
        digest_mib(),
        files(service.folder),
        write_mib(service.folder, 256 if quick else 1024),
        asyncio.run(inserts(service.database_url)),
        answers(service),
    )


def digest_mib() -> float:
    piece, hashes = os.urandom(MIB), [hashlib.new(name, usedforsecurity=False) for name in DIGESTS]
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS:
        for digest in hashes:
            digest.update(piece)
        done += 1
    return done / (time.perf_counter() - began)


def files(parent: Path) -> float:
    folder = parent / "limits"
    folder.mkdir()
    content, end = os.urandom(16 * 1024), time.perf_counter() + SECONDS

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
    """A file that is there after a crash, under its name or not at all."""
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


async def inserts(url: str) -> float:
    """Into a table of its own in a schema of its own, which goes afterwards."""
    db = await asyncpg.connect(url)
    await db.execute(
        "CREATE SCHEMA bench_limits; CREATE TABLE bench_limits.row (id uuid PRIMARY KEY, text text NOT NULL)"
    )
    try:
        async with asyncpg.create_pool(url, min_size=CLIENTS, max_size=CLIENTS) as pool:
            began = time.perf_counter()
            done = await asyncio.gather(*(_insert(pool, began + SECONDS) for _ in range(CLIENTS)))
            return sum(done) / (time.perf_counter() - began)
    finally:
        await db.execute("DROP SCHEMA bench_limits CASCADE")
        await db.close()


async def _insert(pool: asyncpg.Pool, end: float) -> int:
    done = 0
    async with pool.acquire() as db:
        while time.perf_counter() < end:
            await db.execute("INSERT INTO bench_limits.row VALUES (gen_random_uuid(), $1)", "x" * 200)
            done += 1
    return done


def answers(service: Service) -> float:
    work = [[("GET", "/healthz", b"")]] * CLIENTS
    return load.run(clients.ask_again, service.target(None), work, seconds=SECONDS).rate
