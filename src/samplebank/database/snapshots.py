"""Reading several things of one moment, for no longer than somebody waits, also where the server stands still."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager

from samplebank.database.connection import Connection, Database


@asynccontextmanager
async def snapshot(database: Database, limit: AbstractContextManager[object]) -> AsyncIterator[Connection]:
    """A read-only transaction that sees the same snapshot throughout, for no longer than `limit`.

    A server that stands still answers no ROLLBACK either. So the pool ends a transaction that is given up, and nobody waits.
    """
    async with database.connection(limit) as db:
        begun = db.transaction(isolation="repeatable_read", readonly=True)
        await begun.start()
        try:
            yield db
        except asyncio.CancelledError:
            raise
        except BaseException:
            await begun.rollback()
            raise
        await begun.commit()
