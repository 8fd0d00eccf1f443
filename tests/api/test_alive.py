"""Whether a process is alive: the answer is no where only a restart helps. Lost parts of the machine may come back."""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from kit.service import Service
from samplebank.api import health
from samplebank.assembly import Bank, open_bank
from samplebank.serving.site import make_site
from samplebank.settings import Settings


@pytest.fixture
async def bank(service: Service, tmp_path: Path) -> AsyncIterator[Bank]:
    """A bank of the test's own, with few connections."""
    few = Settings(data_dir=tmp_path, database_connections=12, processes=1)
    async with open_bank(few, service.database_url, keep_plans=True) as bank:
        yield bank


@asynccontextmanager
async def client_of(bank: Bank) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application on the bank."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Bank]:
        yield bank

    app: Any = make_site(opened())
    transport = httpx.ASGITransport(app)
    async with (
        app.app.api.app.lifespan(),
        httpx.AsyncClient(transport=transport, base_url="http://here") as client,
    ):
        yield client


@asynccontextmanager
async def all_lent(bank: Bank) -> AsyncIterator[None]:
    """All connections are lent, and somebody waits for one."""
    async with AsyncExitStack() as lent:
        for _ in range(bank.database.size):
            await lent.enter_async_context(bank.database.connection())
        waiting = asyncio.create_task(take(bank))
        async with asyncio.timeout(60):
            while True:
                if bank.database.waiting:
                    break
                await asyncio.sleep(0.01)
        yield
    await waiting


async def take(bank: Bank) -> None:
    async with bank.database.connection():
        pass


async def test_a_process_whose_connections_never_come_back_is_not_alive(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "STARVED", 0.0)
    async with client_of(bank) as client:
        async with all_lent(bank):
            starved = await client.get("/healthz")
        after = await client.get("/healthz")

    assert (starved.status_code, "restart" in starved.text) == (503, True)
    assert after.status_code == 200


async def test_a_wait_for_a_connection_is_no_reason_to_be_restarted(bank: Bank) -> None:
    async with client_of(bank) as client, all_lent(bank):
        answer = await client.get("/healthz")

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "A disk of the service is full"),
        (errno.EROFS, "takes no changes"),
        (errno.EMFILE, "too many files open"),
        (errno.EIO, "lacks a part"),
    ],
)
async def test_what_the_machine_lacks_is_told_and_may_be_tried_again(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    def fail() -> dict[str, int]:
        raise OSError(number, "staged")

    monkeypatch.setattr(bank.blobs, "free_bytes", fail)
    async with client_of(bank) as client:
        answer = await client.get("/metrics")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert said in answer.text
