"""Staged races: something happens between the look and the change."""

from collections.abc import Awaitable, Callable
from typing import Any

from samplebank.database import Connection, Statement


class Interrupted:
    """A connection on which `meanwhile` happens once, before the first of the statements `before`."""

    def __init__(
        self, db: Connection, meanwhile: Callable[[], Awaitable[object]], *before: Statement
    ) -> None:
        self._db = db
        self._meanwhile: Callable[[], Awaitable[object]] | None = meanwhile
        self._before = {statement.sql for statement in before}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    @property
    def is_over(self) -> bool:
        """Whether the interruption has happened."""
        return self._meanwhile is None

    async def fetch(self, query: str, *values: Any, **options: Any) -> Any:
        await self._begin(query)
        return await self._db.fetch(query, *values, **options)

    async def fetchrow(self, query: str, *values: Any, **options: Any) -> Any:
        await self._begin(query)
        return await self._db.fetchrow(query, *values, **options)

    async def fetchval(self, query: str, *values: Any, **options: Any) -> Any:
        await self._begin(query)
        return await self._db.fetchval(query, *values, **options)

    async def execute(self, query: str, *values: Any, **options: Any) -> Any:
        await self._begin(query)
        return await self._db.execute(query, *values, **options)

    async def _begin(self, query: str) -> None:
        if query in self._before and self._meanwhile is not None:
            meanwhile, self._meanwhile = self._meanwhile, None
            await meanwhile()
