"""Staged meetings: a test goes on once another session waits for a lock, whatever statement the session runs."""

import asyncio

from samplebank.database import Connection, Database

#: seconds, for a very busy machine
PATIENCE = 60
# PostgreSQL tells nobody when a session begins to wait, so the test looks.
WAITING = "SELECT pid FROM pg_stat_activity, pg_sleep(0.01) WHERE $1 = ANY (pg_blocking_pids(pid)) LIMIT 1"
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
        while (found := await db.fetchval(WAITING, session)) is None:
            pass
    number: int = found
    return number
