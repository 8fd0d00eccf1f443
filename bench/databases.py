"""Direct access to the database of a service, for the benchmark, the drill and the tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg


@asynccontextmanager
async def connected(
    url: str, *, timeout_seconds: float | None = None
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection while the block lasts. A statement may take `timeout_seconds` (None: any time)."""
    db = await asyncpg.connect(url, command_timeout=timeout_seconds)
    try:
        yield db
    finally:
        await db.close()


async def rows_of(url: str, table: str) -> int:
    """Count the rows of the table."""
    async with connected(url) as db:
        rows: int = await db.fetchval(f"SELECT count(*) FROM {table}")
    return rows
