"""Wake-up calls between processes, by LISTEN and NOTIFY. Signals only save waiting: listeners also look by themselves.

A NOTIFY inside a transaction makes commits wait for each other. So signals are gathered, and sent after the commit.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any

import asyncpg

from samplebank.database.connection import Database, connect_alone
from samplebank.database.failures import TROUBLE
from samplebank.errors import Unavailable

#: seconds after a sending in which further signals are gathered
GATHER = 0.02
#: the same for `PATIENT` signals, which come with each upload and start longer work
GATHER_LONG = 0.25
RECONNECT = 1.0
#: seconds of silence after which the line is tried, and seconds in which the server must answer
SILENCE = 15.0
ANSWER = 10.0


class Signal(StrEnum):
    UNCLASSIFIED = "samplebank_unclassified"
    URGENT = "samplebank_urgent"
    TASKS = "samplebank_tasks"
    VERDICTS = "samplebank_verdicts"
    SERVICE_TASKS = "samplebank_service_tasks"


PATIENT = {Signal.UNCLASSIFIED}


class Signals:
    """Sends signals, and lets tasks of this process wait for them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._unsent: set[Signal] = set()
        self._held_back: set[Signal] = set()
        self._wake = asyncio.Event()
        self._waiting: dict[Signal, set[asyncio.Event]] = {signal: set() for signal in Signal}

    def send(self, signal: Signal) -> None:
        """Wake everybody who waits for `signal`: here at once, in other processes a moment later."""
        self._arrived(signal)
        self._unsent.add(signal)
        self._wake.set()

    @asynccontextmanager
    async def listening(self, signal: Signal) -> AsyncIterator[asyncio.Event]:
        """Provide an event that each arrival of `signal` sets. The waiting task clears the event."""
        event = asyncio.Event()
        self._waiting[signal].add(event)
        try:
            yield event
        finally:
            self._waiting[signal].discard(event)

    def _arrived(self, signal: Signal) -> None:
        for event in self._waiting[signal]:
            event.set()

    async def run(self) -> None:
        """Send and receive until cancelled; a lost connection is made again."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._receive())
            tasks.create_task(self._send())

    async def _send(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            signals = self._unsent - self._held_back
            self._unsent -= signals
            if signals:
                await self._notify(signals)
                for signal in signals & PATIENT:
                    self._hold_back(signal)
            await asyncio.sleep(GATHER)

    async def _notify(self, signals: set[Signal]) -> None:
        with contextlib.suppress(Unavailable, *TROUBLE):
            async with self._database.connection() as db:
                await db.execute("; ".join(f"NOTIFY {signal}" for signal in signals))

    def _hold_back(self, signal: Signal) -> None:
        self._held_back.add(signal)
        asyncio.get_running_loop().call_later(GATHER_LONG, self._let_go, signal)

    def _let_go(self, signal: Signal) -> None:
        self._held_back.discard(signal)
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
                await db.add_listener(
                    signal, lambda _db, _pid, channel, _payload: self._arrived(Signal(channel))
                )
            for signal in Signal:
                self._arrived(signal)
            while not lost.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(lost.wait(), SILENCE)
                await db.execute("SELECT", timeout=ANSWER)
        finally:
            with contextlib.suppress(*TROUBLE):
                await db.close(timeout=2)
