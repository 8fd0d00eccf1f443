"""The program of a host that is to be cut off: holds the lock of the row that every round of the housework changes."""

import asyncio
import sys

from samplebank.database import open_database

READY = "ready\n"


async def hold(url: str) -> None:
    async with open_database(url) as database, database.transaction() as db:
        await db.execute("SELECT FROM housework FOR UPDATE")
        sys.stdout.write(READY)
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(hold(sys.argv[1]))
