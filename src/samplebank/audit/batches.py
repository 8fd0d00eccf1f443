"""Entries about acts that change nothing, or whose change is a row of its own: written in batches, beside the requests.

Equal acts of a batch become an entry with a count. A process that is killed loses the entries of a second.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import msgspec
from prometheus_client import Counter

from samplebank.audit import recording
from samplebank.audit.model import NOBODY, Entry, Owners
from samplebank.database import Database
from samplebank.database.failures import TROUBLE
from samplebank.errors import Unavailable
from samplebank.logs import Faults

#: seconds between two batches, and entries that begin a batch earlier
INTERVAL: Final = 1.0
LARGE: Final = 2000
#: the most entries in memory, and the most of a statement
MOST: Final = 50_000
PIECE: Final = 1000
LOST: Final = Counter("samplebank_audit_lost", "Entries of the ledger that no room was left for.")
faults = Faults(logging.getLogger("samplebank.audit"))


class Pending(NamedTuple):
    entry: Entry
    owners: Owners


class Batches:
    """The entries that a process has yet to write."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pending: dict[Hashable, Pending] = {}
        self._counts: dict[Hashable, int] = {}
        self._full = asyncio.Event()
        self._writing = asyncio.Lock()
        self._is_over = False

    def has(self, key: Hashable) -> bool:
        """Whether an entry of the key waits; then the act is counted."""
        count = self._counts.get(key)
        if count is None:
            return False
        self._counts[key] = count + 1
        return True

    def add(self, key: Hashable, entry: Entry, owners: Owners = NOBODY) -> None:
        """Add an entry. `key` is the same for equal acts."""
        if len(self._pending) >= MOST:
            LOST.inc()
            return
        self._pending[key] = Pending(entry, owners)
        self._counts[key] = 1
        if len(self._pending) == LARGE:
            self._full.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write batch after batch for as long as the block lasts, and the rest at the end."""
        task = asyncio.create_task(self._write_on())
        try:
            yield
        finally:
            # not cancelled: whoever cancels a statement cannot tell whether the entries were written
            self._is_over = True
            self._full.set()
            await asyncio.wait({task})
            await self._write_if_possible()

    async def _write_on(self) -> None:
        while not self._is_over:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(INTERVAL):
                    await self._full.wait()
            await self._write_if_possible()

    async def _write_if_possible(self) -> None:
        try:
            await self.write()
        except (Unavailable, *TROUBLE) as error:
            faults.tell("audit.delayed", error, trace=not isinstance(error, Unavailable))

    async def write(self) -> None:
        """Write the entries so far. Entries that cannot be written stay. Raises `Unavailable` and the errors of asyncpg."""
        async with self._writing:
            self._full.clear()
            for owners, keys in self._by_owners().items():
                for start in range(0, len(keys), PIECE):
                    await self._write(keys[start : start + PIECE], owners)

    def _by_owners(self) -> dict[Owners, list[Hashable]]:
        groups: dict[Owners, list[Hashable]] = {}
        for key, pending in self._pending.items():
            groups.setdefault(pending.owners, []).append(key)
        return groups

    async def _write(self, keys: list[Hashable], owners: Owners) -> None:
        taken = [(key, self._pending.pop(key), self._counts.pop(key)) for key in keys]
        entries = [
            pending.entry if count == 1 else msgspec.structs.replace(pending.entry, count=count)
            for _, pending, count in taken
        ]
        try:
            async with self._database.connection() as db:
                await recording.record_all(db, entries, owners)
        except BaseException:
            for key, pending, count in taken:
                self._pending.setdefault(key, pending)
                self._counts[key] = self._counts.get(key, 0) + count
            raise
