"""There is one housekeeper, whatever happens to its line to the database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from kit.postgres import Postgres
from kit.relay import relaying
from samplebank.maintenance import election
from samplebank.maintenance.election import Deposed, reign


class Candidate:
    """A process that stands for election."""

    def __init__(self) -> None:
        self.elected = asyncio.Event()
        self.stopped = asyncio.Event()

    async def work(self) -> None:
        self.elected.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.stopped.set()


Stand = Callable[[str], Awaitable[tuple[Candidate, "asyncio.Task[None]"]]]


@pytest.fixture
async def stand(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stand]:
    """Let a candidate stand. Returns once the candidate is elected."""
    for name, value in (("ELECTION", 0.1), ("HEARTBEAT", 0.1), ("ANSWER", 0.5), ("LEASE", "1500ms")):
        monkeypatch.setattr(election, name, value)
    running = []

    async def stand(url: str) -> tuple[Candidate, "asyncio.Task[None]"]:
        candidate = Candidate()
        task = asyncio.create_task(reign(url, candidate.work))
        running.append(task)
        async with asyncio.timeout(60):
            await candidate.elected.wait()
        return candidate, task

    yield stand
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_who_loses_the_session_with_the_lock_stops_and_is_deposed(
    postgres: Postgres, stand: Stand
) -> None:
    candidate, reigning = await stand(postgres.url)

    postgres.end_sessions()

    with pytest.raises(Deposed):
        await asyncio.wait_for(reigning, 10)
    assert candidate.stopped.is_set()


async def test_over_a_half_open_line_another_is_elected_and_the_first_has_stopped(
    postgres: Postgres, stand: Stand
) -> None:
    with relaying(postgres.port) as relay:
        first, reigning = await stand(postgres.url_at(relay.own_port))
        relay.abandon()

        await stand(postgres.url)

        assert first.stopped.is_set()
        with pytest.raises(Deposed):
            await reigning


async def test_a_candidate_waits_for_a_database_that_is_away(postgres: Postgres, stand: Stand) -> None:
    postgres.stop()
    standing = asyncio.ensure_future(stand(postgres.url))
    await asyncio.sleep(0)

    postgres.start()

    candidate, _ = await standing
    assert candidate.elected.is_set()


async def test_work_that_does_not_stop_does_not_keep_its_process_in_office(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(election, "GRACE", 0.1)
    elected, enough = asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        elected.set()
        while not enough.is_set():
            try:
                await enough.wait()
            except asyncio.CancelledError:
                continue

    reigning = asyncio.create_task(reign(postgres.url, stubborn))
    await elected.wait()

    postgres.end_sessions()

    with pytest.raises(Deposed):
        await asyncio.wait_for(reigning, 10)
    enough.set()
