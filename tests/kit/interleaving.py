"""Staged races: something happens between two statements of another."""

from collections.abc import Awaitable, Callable
from typing import Any

from samplebank.database import Connection


class Interrupted:
    """A connection on which `meanwhile` happens once, after the first statement and before the second."""

    def __init__(self, db: Connection, meanwhile: Callable[[], Awaitable[object]]) -> None:
        self._db = db
        self._meanwhile: Callable[[], Awaitable[object]] | None = meanwhile
        self._statements = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    async def fetch(self, query: str, *values: Any) -> Any:
        await self._next()
        return await self._db.fetch(query, *values)

    async def fetchrow(self, query: str, *values: Any) -> Any:
        await self._next()
        return await self._db.fetchrow(query, *values)

    async def _next(self) -> None:
        self._statements += 1
        if self._statements == 2 and self._meanwhile is not None:
            meanwhile, self._meanwhile = self._meanwhile, None
            await meanwhile()
