"""A database as the benchmark, the drill and the tests look at it, past the service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg


@asynccontextmanager
async def connected(
    url: str, *, timeout_seconds: float | None = None
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection for as long as the block lasts; a statement may take `timeout_seconds` (None: any time)."""
    db = await asyncpg.connect(url, command_timeout=timeout_seconds)
    try:
        yield db
    finally:
        await db.close()


async def rows_of(url: str, table: str) -> int:
    """How many rows the table has."""
    async with connected(url) as db:
        rows: int = await db.fetchval(f"SELECT count(*) FROM {table}")
    return rows
