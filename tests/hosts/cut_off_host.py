"""The program of a host that is to be cut off: holds the lock of the election, and the lock of a row."""

import asyncio
import sys

from samplebank.database import open_database
from samplebank.maintenance.election import reign

READY = "ready\n"
TABLE = "cut_off"


async def hold(url: str) -> None:
    async def work() -> None:
        async with open_database(url) as database, database.transaction() as db:
            await db.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} AS SELECT 1 AS id")
        async with open_database(url) as database, database.transaction() as db:
            await db.execute(f"SELECT FROM {TABLE} FOR UPDATE")
            sys.stdout.write(READY)
            sys.stdout.flush()
            await asyncio.Event().wait()

    await reign(url, work)


if __name__ == "__main__":
    asyncio.run(hold(sys.argv[1]))
