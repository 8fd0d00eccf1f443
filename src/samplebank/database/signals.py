"""Wake-up calls between processes, by LISTEN and NOTIFY. Signals only save waiting: listeners also look by themselves.

Beside signals travel changes: the ids of what has changed, for those who watch.

A NOTIFY inside a transaction makes commits wait for each other. So signals are gathered, and sent after the commit.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from samplebank.database.connection import Database, connect_alone
from samplebank.database.failures import TROUBLE
from samplebank.database.identifiers import uuid_of
from samplebank.errors import Unavailable

#: seconds after a sending in which further signals are gathered
GATHER = 0.02
#: the same for `PATIENT` signals, which come with each upload and start longer work; and for changes, which come with each request
GATHER_LONG = 0.25
RECONNECT = 1.0
#: seconds of silence after which the line is tried by asking for the time, and seconds in which the server must answer
SILENCE = 15.0
ANSWER = 10.0
#: the channel of changes, the ids that one message holds, and the ids beyond which a message says that all may have changed
CHANGES = "samplebank_changes"
IDS = 200
MOST_IDS = 2000
HEX = 32
#: the names that a message may hold: PostgreSQL takes messages of under 8,000 bytes
NAMES = re.compile(r"[\w:. -]{1,4000}", re.ASCII)
EVERYBODY: frozenset[str] = frozenset()
#: the ids of what has changed; None where anything may have changed
Changed: TypeAlias = frozenset[UUID] | None


class Signal(StrEnum):
    UNCLASSIFIED = "samplebank_unclassified"
    URGENT = "samplebank_urgent"
    TASKS = "samplebank_tasks"
    VERDICTS = "samplebank_verdicts"
    SERVICE_TASKS = "samplebank_service_tasks"
    HUNTS = "samplebank_hunts"
    EVENTS = "samplebank_events"


PATIENT = {Signal.UNCLASSIFIED}


class Signals:
    """Sends signals, and lets tasks of this process wait for them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        #: whom each signal concerns; nobody named: everybody
        self._unsent: dict[Signal, frozenset[str]] = {}
        self._untold: set[UUID] = set()
        self._watching: set[Callable[[str], None]] = set()
        self._held_back: set[str] = set()
        self._wake = asyncio.Event()
        #: who waits for each signal, by the name of the listener, or None; a Signal is equal to the name of its channel
        self._waiting: dict[str, dict[asyncio.Event, str | None]] = {signal: {} for signal in Signal}

    def send(self, signal: Signal, concerned: frozenset[str] = EVERYBODY) -> None:
        """Wake all who wait for `signal`: here at once, in other processes a moment later.

        Listeners with a name sleep on where `concerned` names others only. Names are made of letters, digits, and the marks `_`, `:`, `-` and `.`.
        """
        self._arrived(signal, concerned)
        self._unsent[signal] = _both(concerned, self._unsent.get(signal, concerned))
        self._wake.set()

    def tell(self, *ids: UUID) -> None:
        """Tell everybody who watches that what has these ids has changed: here and in other processes a moment later."""
        if ids:
            self._untold.update(ids)
            self._wake.set()

    @contextmanager
    def watching(self, told: Callable[[str], None]) -> Iterator[None]:
        """Call `told` with each message of changes, for as long as the block lasts. `changed_ids` reads a message."""
        self._watching.add(told)
        try:
            yield
        finally:
            self._watching.discard(told)

    @asynccontextmanager
    async def listening(self, *signals: Signal, name: str | None = None) -> AsyncIterator[asyncio.Event]:
        """Provide an event that each arrival of any of `signals` sets. The waiting task clears the event.

        With a `name`, signals that concern others only do not set the event.
        """
        event = asyncio.Event()
        for signal in signals:
            self._waiting[signal][event] = name
        try:
            yield event
        finally:
            for signal in signals:
                del self._waiting[signal][event]

    def _arrived(self, signal: str, concerned: frozenset[str] = EVERYBODY) -> None:
        for event, name in self._waiting[signal].items():
            if name is None or not concerned or name in concerned:
                event.set()

    def _heard(self, _db: object, _pid: int, channel: str, payload: object) -> None:
        # Under load hundreds come each second: no Signal is made of each name.
        self._arrived(channel, frozenset(str(payload).split()) if payload else EVERYBODY)

    def _changed(self, payload: str) -> None:
        for told in self._watching:
            told(payload)

    async def run(self) -> None:
        """Send and receive until cancelled; a lost connection is made again."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._receive())
            tasks.create_task(self._send())

    async def _send(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            signals = {signal: self._unsent.pop(signal) for signal in self._unsent.keys() - self._held_back}
            changes: set[UUID] = set()
            if CHANGES not in self._held_back:
                changes, self._untold = self._untold, changes
            if signals or changes:
                await self._notify([_sent(*signal) for signal in signals.items()] + _told(changes))
                for channel in [*(signals.keys() & PATIENT), *([CHANGES] if changes else [])]:
                    self._hold_back(channel)
            await asyncio.sleep(GATHER)

    async def _notify(self, commands: list[str]) -> None:
        with contextlib.suppress(Unavailable, *TROUBLE):
            async with self._database.connection() as db:
                await db.execute("; ".join(commands))

    def _hold_back(self, channel: str) -> None:
        self._held_back.add(channel)
        asyncio.get_running_loop().call_later(GATHER_LONG, self._let_go, channel)

    def _let_go(self, channel: str) -> None:
        self._held_back.discard(channel)
        self._wake.set()

    async def _receive(self) -> None:
        while True:
            with contextlib.suppress(*TROUBLE):
                await self._receive_once()
            await asyncio.sleep(RECONNECT)

    async def _receive_once(self) -> None:
        db: asyncpg.Connection[Any] = await connect_alone(self._database.url)
        lost = asyncio.Event()
        db.add_termination_listener(lambda _: lost.set())
        try:
            for signal in Signal:
                await db.add_listener(signal, self._heard)
            await db.add_listener(CHANGES, lambda _db, _pid, _channel, payload: self._changed(str(payload)))
            for signal in Signal:
                self._arrived(signal)
            self._changed("")
            while not lost.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(SILENCE):
                        await lost.wait()
                await self._database.clock.look(db, patience=ANSWER)
        finally:
            with contextlib.suppress(*TROUBLE):
                await db.close(timeout=2)


def changed_ids(message: str) -> Changed:
    """Read a message of changes."""
    return frozenset(uuid_of(message[at : at + HEX]) for at in range(0, len(message), HEX)) or None


def _both(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    """Whom two signals concern together."""
    return one | other if one and other else EVERYBODY


def _sent(signal: Signal, concerned: frozenset[str]) -> str:
    """The command that sends a signal, with the names of those concerned where a message holds the names."""
    names = " ".join(sorted(concerned))
    return f"NOTIFY {signal}, '{names}'" if NAMES.fullmatch(names) else f"NOTIFY {signal}"


def _told(ids: set[UUID]) -> list[str]:
    """The commands that tell of changes. A message is a text of ids, and without ids says that anything may have changed."""
    if len(ids) > MOST_IDS:
        return [f"NOTIFY {CHANGES}"]
    texts = [one.hex for one in ids]
    return [
        f"NOTIFY {CHANGES}, '{''.join(texts[start : start + IDS])}'" for start in range(0, len(texts), IDS)
    ]
