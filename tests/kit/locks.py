"""Staged meetings: a test goes on once another session waits for a lock, whatever statement the session runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

from bench.databases import connected

from kit.processes import housekeeper_at_rest
from kit.service import Service
from samplebank.database import Connection, Database

#: seconds, for a very busy machine
PATIENCE = 60
# PostgreSQL tells nobody when a session begins to wait, so the test looks.
WAITING = "SELECT pid FROM pg_stat_activity, pg_sleep(0.01) WHERE $1 = ANY (pg_blocking_pids(pid))"
# A process of the service writes the ledger of earlier requests within a second or so, and reads samples for their owners.
REQUESTS = """
    SELECT count(*) FROM pg_stat_activity, pg_sleep(0.01)
     WHERE $1 = ANY (pg_blocking_pids(pid)) AND pid <> ALL ($2::int[]) AND query NOT LIKE '%INSERT INTO audit%'
"""
NOTHING_UNDER_WAY = """
    SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid()) FROM pg_sleep(0.05)
"""
# Another session may have come first: who waits for a row waits for those who wait for the row already.
BEHIND = """
    WITH RECURSIVE ahead (pid) AS (
        SELECT unnest(pg_blocking_pids($2)) UNION SELECT unnest(pg_blocking_pids(pid)) FROM ahead
    )
    SELECT $1 IN (SELECT pid FROM ahead) FROM pg_sleep(0.01)
"""


async def stands_behind(database: Database, holder: Connection, session: int) -> None:
    """Wait until the session of that number waits for `holder`, or for somebody who waits for `holder`."""
    async with asyncio.timeout(PATIENCE), database.connection() as db:
        while not await db.fetchval(BEHIND, holder.get_server_pid(), session):
            pass


async def session_behind(database: Database, holder: Connection | int) -> int:
    """Wait until a session waits for a lock that `holder` holds; answers the number of the waiting session."""
    session = holder if isinstance(holder, int) else holder.get_server_pid()
    async with asyncio.timeout(PATIENCE), database.connection() as db:
        while not (found := await sessions_behind(db, session)):
            pass
    return min(found)


async def nobody_behind(database: Database, holder: Connection) -> None:
    """Wait until no session waits for a lock that `holder` holds."""
    async with asyncio.timeout(PATIENCE), database.connection() as db:
        while await sessions_behind(db, holder.get_server_pid()):
            pass


async def sessions_behind(db: Any, holder: int) -> set[int]:
    """The numbers of the sessions that wait for a lock of the session `holder`."""
    return {row["pid"] for row in await db.fetch(WAITING, holder)}


class Line:
    """The sessions of requests that wait for a locked table."""

    def __init__(self, db: Any, holder: int, *, others: set[int]) -> None:
        self._db = db
        self._holder = holder
        #: what the housekeeper began before its rest waits as well
        self._others = others

    async def reaches(self, number: int) -> None:
        """Wait until so many requests wait for the table."""
        async with asyncio.timeout(PATIENCE):
            while await self._db.fetchval(REQUESTS, self._holder, list(self._others)) != number:
                pass


@asynccontextmanager
async def line_before(service: Service, table: str) -> AsyncIterator[Line]:
    """Nobody else reads the table until the end of the block. The housekeeper of the service rests."""
    url = service.database_url
    async with connected(url) as db, connected(url) as holder:
        with await housekeeper_between_statements(service, db):
            async with holder.transaction():
                await holder.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
                session = holder.get_server_pid()
                yield Line(db, session, others=await sessions_behind(db, session))


async def housekeeper_between_statements(service: Service, db: Any) -> ExitStack:
    """Stop the housekeeper while nobody has a transaction; answers what lets the housekeeper go on.

    What the housekeeper has begun would come to a locked table later, and keep back the feed.
    """
    with ExitStack() as rest:
        async with asyncio.timeout(PATIENCE):
            rest.enter_context(housekeeper_at_rest(service))
            while not await db.fetchval(NOTHING_UNDER_WAY):
                rest.close()
                await asyncio.sleep(0.02)  # in which the housekeeper goes on
                rest.enter_context(housekeeper_at_rest(service))
        return rest.pop_all()
