"""No signal to other processes is lost, and the signals of uploads are gathered."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import UUID, uuid4

import pytest
from bench.databases import connected

from kit.databases import own_database
from kit.service import Service
from samplebank.database import connect, signals
from samplebank.database.embedded import BINARIES
from samplebank.database.signals import MOST_IDS, Changed, Signal, Signals, changed_ids

TASKS, UNCLASSIFIED = Signal.TASKS, Signal.UNCLASSIFIED

END_SESSIONS = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
     WHERE application_name = 'samplebank' AND datname = '{database}'
"""


class Ear:
    """Another process, which hears what the sender sends."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._news = asyncio.Event()

    def hear(self, _db: object, _pid: int, channel: str, _payload: object) -> None:
        self.heard.append(channel)
        self._news.set()

    async def hears(self, number: int) -> list[str]:
        """The signals heard, once there are `number` of them."""
        async with asyncio.timeout(60):
            while len(self.heard) < number:
                self._news.clear()
                await self._news.wait()
        return self.heard


def database_of(url: str) -> str:
    return url.partition("/postgres@/")[2].partition("?")[0]


def end_sessions(service: Service, url: str) -> None:
    order = END_SESSIONS.format(database=database_of(url))
    subprocess.run([str(BINARIES / "psql"), service.database_url, "-Atqc", order], check=True)


@pytest.fixture
async def url(service: Service) -> AsyncIterator[str]:
    async with own_database(service) as url:
        yield url


@pytest.fixture
async def ear(url: str) -> AsyncIterator[Ear]:
    ear = Ear()
    async with connected(url) as db:
        for signal in Signal:
            await db.add_listener(signal, ear.hear)
        yield ear


@pytest.fixture
async def sender(url: str) -> AsyncIterator[Signals]:
    database = await connect(url, most=1)
    sender = Signals(database)
    running = asyncio.create_task(sender.run())
    yield sender
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await database.close()


async def test_each_signal_is_heard(sender: Signals, ear: Ear) -> None:
    for number in range(1, 4):
        sender.send(TASKS)
        await ear.hears(number)

    assert ear.heard == [TASKS] * 3


async def test_signals_of_a_moment_are_one(sender: Signals, ear: Ear) -> None:
    for _ in range(5):
        sender.send(TASKS)
    sender.send(UNCLASSIFIED)

    assert sorted(await ear.hears(2)) == [TASKS, UNCLASSIFIED]


@pytest.fixture
async def elsewhere(url: str) -> AsyncIterator[Signals]:
    """The signals of another process, which has heard what may have come before."""
    database = await connect(url, most=1)
    other = Signals(database)
    async with other.listening(TASKS) as arrived:
        running = asyncio.create_task(other.run())
        await asyncio.wait_for(arrived.wait(), 60)
    yield other
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await database.close()


async def test_a_signal_that_names_others_wakes_no_listener_with_a_name(
    sender: Signals, elsewhere: Signals
) -> None:
    async with (
        elsewhere.listening(TASKS, name="yara") as concerned,
        elsewhere.listening(TASKS, name="strings") as another,
        elsewhere.listening(TASKS) as unnamed,
    ):
        sender.send(TASKS, frozenset({"static", "yara"}))
        await asyncio.wait_for(concerned.wait(), 60)

        assert unnamed.is_set()
        assert not another.is_set()


async def test_a_signal_without_names_wakes_listeners_with_a_name(
    sender: Signals, elsewhere: Signals
) -> None:
    async with elsewhere.listening(TASKS, name="strings") as arrived:
        sender.send(TASKS, frozenset({"static"}))
        sender.send(TASKS)

        assert await asyncio.wait_for(arrived.wait(), 60)


async def test_uploads_that_follow_are_told_later(sender: Signals, ear: Ear) -> None:
    sender.send(UNCLASSIFIED)
    await ear.hears(1)

    sender.send(UNCLASSIFIED)

    assert await ear.hears(2) == [UNCLASSIFIED, UNCLASSIFIED]


async def test_uploads_that_follow_do_not_hold_up_other_signals(
    sender: Signals, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signals, "GATHER_LONG", 3600)
    sender.send(UNCLASSIFIED)
    await ear.hears(1)

    sender.send(UNCLASSIFIED)
    sender.send(TASKS)

    assert await ear.hears(2) == [UNCLASSIFIED, TASKS]


async def test_signals_are_heard_again_after_every_connection_was_lost(
    url: str, sender: Signals, ear: Ear, service: Service
) -> None:
    sender.send(TASKS)
    await ear.hears(1)
    # the loop stands still, as a busy loop does, so that the sender has not noticed
    end_sessions(service, url)
    sender.send(TASKS)

    async with asyncio.timeout(60):
        while len(ear.heard) < 2:
            sender.send(TASKS)
            await asyncio.sleep(0.05)

    assert ear.heard[1] == TASKS


class Watcher:
    """A process that watches for changes."""

    def __init__(self) -> None:
        self.told: list[Changed] = []
        self._news = asyncio.Event()

    def note(self, message: str) -> None:
        self.told.append(changed_ids(message))
        self._news.set()

    async def knows(self, ids: set[UUID]) -> bool:
        """Whether the watcher is told of the ids, in any number of messages."""
        async with asyncio.timeout(60):
            while not ids <= frozenset().union(*(changed or () for changed in self.told)):
                self._news.clear()
                await self._news.wait()
        return True

    async def knows_that_anything_may_have_changed(self) -> bool:
        async with asyncio.timeout(60):
            while None not in self.told:
                self._news.clear()
                await self._news.wait()
        return True


@pytest.fixture
async def watcher(url: str) -> AsyncIterator[Watcher]:
    watcher = Watcher()
    database = await connect(url, most=1)
    receiver = Signals(database)
    with receiver.watching(watcher.note):
        running = asyncio.create_task(receiver.run())
        assert await watcher.knows_that_anything_may_have_changed()  # which is told first of all
        watcher.told.clear()
        yield watcher
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    await database.close()


async def test_changes_are_told_to_other_processes_by_their_ids(sender: Signals, watcher: Watcher) -> None:
    ids = {uuid4() for _ in range(450)}

    sender.tell(*ids)

    assert await watcher.knows(ids)
    assert None not in watcher.told


async def test_of_very_many_changes_it_is_told_that_anything_may_have_changed(
    sender: Signals, watcher: Watcher
) -> None:
    sender.tell(*(uuid4() for _ in range(MOST_IDS + 1)))

    assert await watcher.knows_that_anything_may_have_changed()


async def test_after_a_lost_line_anything_may_have_changed(
    service: Service, url: str, watcher: Watcher
) -> None:
    end_sessions(service, url)

    assert await watcher.knows_that_anything_may_have_changed()
