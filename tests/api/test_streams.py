"""A client that asks for much, pauses and leaves, keeps nothing of the service busy."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from kit.bank import CHIEF, V2, Bank, Sample, eventually
from kit.service import Service
from samplebank.database import Database
from samplebank.errors import Unavailable
from samplebank.http import streaming
from samplebank.http.streaming import Sending

#: bytes of an answer: more than the buffers between the service and a pausing client hold
LARGE = 24 * 1024 * 1024
#: clients: more than a process has connections to the database
MANY = 40
# 12,000 rows of 2 kB each
ADD_MANY = """
    INSERT INTO submission (id, sample_id, customer_id, user_id, tlp, acl, readers, file_name, mime_type, agent_name,
                            agent_version, meta_data, observed_time, submitted_time, trusted_agent)
    SELECT gen_random_uuid(), sample_id, customer_id, user_id, tlp, acl, readers, file_name, mime_type, agent_name,
           agent_version, jsonb_build_object('padding', repeat('x', 2000)), observed_time, submitted_time, trusted_agent
      FROM submission, generate_series(1, 12000) WHERE sample_id = (SELECT id FROM sample WHERE sha256 = $1)
"""
REMOVE_MANY = "DELETE FROM submission WHERE meta_data ? 'padding' AND sample_id = (SELECT id FROM sample WHERE sha256 = $1)"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"


@contextmanager
def paused(bank: Bank, path: str, number: int) -> Iterator[None]:
    """Clients that ask and do not read the answer. The clients leave at the end of the block."""
    lines = [ask(bank, path) for _ in range(number)]
    try:
        yield
    finally:
        for line in lines:
            line.close()


def ask(bank: Bank, path: str) -> socket.socket:
    address = urlsplit(bank.url)
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.connect((address.hostname, address.port))
    line.sendall(
        f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\nArgus-API-Key: {bank.keys[CHIEF]}\r\n\r\n".encode()
    )
    return line


def open_blobs(service: Service, sample: Sample) -> int:
    """Count the open descriptors of the sample's bytes, in all processes."""
    blob = service.blobs / "sample" / sample.sha256[:2] / sample.sha256
    found = 0
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            found += os.readlink(link) == str(blob)  # noqa: PTH115 a name to compare, not a file to follow
        except OSError:
            continue
    return found


@pytest.mark.parametrize("kind", ["raw", "safe"])
def test_downloads_that_are_left_give_their_file_back(service: Service, bank: Bank, kind: str) -> None:
    sample = Sample(LARGE)
    bank.submit(sample)

    with paused(bank, f"{sample.path}/{kind}", 5):
        held = eventually(lambda: open_blobs(service, sample) == 5)

    assert held
    assert eventually(lambda: open_blobs(service, sample) == 0)


@pytest.fixture
async def long_list(bank: Bank, database: Database) -> AsyncIterator[str]:
    """The path of a list of many megabytes."""
    sample = bank.submitted()
    async with database.connection() as db:
        await db.execute(ADD_MANY, bytes.fromhex(sample.sha256))
    yield f"{sample.path}/submission?limit=0"
    async with database.connection() as db:
        await db.execute(REMOVE_MANY, bytes.fromhex(sample.sha256))


async def soon(database: Database, holds: Callable[[int], bool]) -> bool:
    """Whether the condition comes to hold for the number of transactions that wait for a client, within 30 seconds."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        async with database.connection() as db:
            if holds(await db.fetchval(WAITING)):
                return True
    return False


async def test_lists_that_are_paused_leave_connections_for_others(
    bank: Bank, database: Database, long_list: str
) -> None:
    with paused(bank, long_list, MANY):
        assert await soon(database, lambda number: number > 0)
        others = [bank.get(f"{V2}/job").status_code for _ in range(20)]

    assert set(others) == {200}


async def test_lists_that_are_left_give_their_connection_back(
    bank: Bank, database: Database, long_list: str
) -> None:
    with paused(bank, long_list, MANY):
        assert await soon(database, lambda number: number > 0)

    assert await soon(database, lambda number: number == 0)
    assert len(bank.data(bank.get(long_list))) == 12001


async def test_a_client_that_stays_and_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "PATIENCE", 0.01)
    given_back = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"a piece"
        finally:
            given_back.set()

    async def for_ever(*_: object) -> Any:
        await asyncio.Event().wait()

    await asyncio.wait_for(Sending(iterator=pieces()).send_body(for_ever, for_ever), 60)

    assert given_back.is_set()


async def test_an_answer_that_breaks_off_is_ended() -> None:
    sent: list[Any] = []

    async def pieces() -> AsyncIterator[bytes]:
        yield b"a piece"
        raise Unavailable("The database cannot be reached.")

    async def send(message: Any) -> None:
        sent.append(message)

    async def for_ever() -> Any:
        await asyncio.Event().wait()

    await asyncio.wait_for(Sending(iterator=pieces()).send_body(send, for_ever), 60)

    assert [(message["body"], message["more_body"]) for message in sent] == [(b"a piece", True), (b"", False)]
