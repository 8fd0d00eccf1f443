"""Entries that are written beside the requests: none is lost while the process lives, and none is kept for ever."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kit.bank import name_of
from kit.counters import counted
from samplebank.audit import batches
from samplebank.audit.batches import Batches
from samplebank.audit.model import OPERATOR, Entry, Kind
from samplebank.database import Database
from samplebank.errors import Unavailable


def entry(action: str) -> Entry:
    return Entry(1, Kind.READ, action, OPERATOR)


async def counts(database: Database, action: str) -> list[int]:
    async with database.connection() as db:
        return [row[0] for row in await db.fetch("SELECT count FROM audit WHERE action = $1", action)]


class Away:
    """A database that is away at first."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.is_away = True

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        if self.is_away:
            raise Unavailable("away")
        async with self._database.connection() as db:
            yield db


async def test_the_rest_is_written_at_the_end(database: Database) -> None:
    waiting, action = Batches(database), name_of("end")

    async with waiting.running():
        waiting.add("a", entry(action))
        has_it = waiting.has("a")

    assert has_it
    assert await counts(database, action) == [2]


async def test_entries_wait_for_a_database_that_is_away(database: Database) -> None:
    away: Any = Away(database)
    waiting, action = Batches(away), name_of("away")
    waiting.add("a", entry(action))
    with pytest.raises(Unavailable):
        await waiting.write()
    waiting.has("a")

    away.is_away = False
    await waiting.write()

    assert await counts(database, action) == [2]


async def test_an_entry_too_many_is_counted_as_lost(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MOST", 1)
    waiting, action = Batches(database), name_of("many")
    before = counted(batches.LOST)

    for key in ("a", "b"):
        waiting.add(key, entry(action))
    await waiting.write()

    assert counted(batches.LOST) == before + 1
    assert await counts(database, action) == [1]
