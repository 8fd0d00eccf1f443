"""When the housework of an installation was done last, as the database knows."""

import asyncio
import time

from bench.databases import connected

from samplebank.jobs.clock import LAST_DONE

#: seconds between two looks
LOOK = 0.05


async def done_after(url: str, moment: int, limit: float) -> bool:
    """Wait until the housework was done after the moment, in milliseconds. Whether this came true within `limit` seconds."""
    end = time.monotonic() + limit
    async with connected(url) as db:
        while time.monotonic() < end:
            if (await db.fetchval(LAST_DONE) or 0) > moment:
                return True
            await asyncio.sleep(LOOK)
    return False


async def last_done(url: str) -> int:
    """When the housework was done last, in milliseconds; 0 for never."""
    async with connected(url) as db:
        return await db.fetchval(LAST_DONE) or 0
