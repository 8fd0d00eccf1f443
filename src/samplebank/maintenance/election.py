"""The election of the housekeeper: the process that holds an advisory lock of the database does the housework.

The lock is as good as a lease: the server ends a session that has been silent, and the holder speaks more often.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from samplebank.database.connection import connect_alone
from samplebank.database.failures import TROUBLE

log = logging.getLogger("samplebank.maintenance")
LOCK = 0x5A4B_0003
#: seconds between attempts to be elected
ELECTION = 2.0
#: seconds between two looks at the line, and seconds in which the server must answer a look
HEARTBEAT, ANSWER = 2.0, 4.0
#: the silence after which the server ends the session; the holder notices a dead line before
LEASE = "10s"
#: seconds in which the work has to stop
GRACE = 5.0


class Deposed(Exception):
    """The lock is lost, so another process may be elected. The work has been told to stop, and may still be under way."""


async def reign(url: str, work: Callable[[], Awaitable[None]]) -> None:
    """Wait to be elected, then do the work until cancelled. Raises `Deposed`, and the errors of the work."""
    db = await _be_elected(url)
    log.info("housekeeper.elected")
    working = asyncio.ensure_future(work())
    watching = asyncio.ensure_future(_watch(db))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
        raise Deposed
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.wait({working, watching}, timeout=GRACE)
        with contextlib.suppress(*TROUBLE):
            await db.close(timeout=ANSWER)


async def _be_elected(url: str) -> "asyncpg.Connection[Any]":
    while True:
        with contextlib.suppress(*TROUBLE):
            db = await connect_alone(url, idle_session_timeout=LEASE)
            try:
                await _wait_for_lock(db)
            except BaseException:
                db.terminate()
                raise
            return db
        await asyncio.sleep(ELECTION)


async def _wait_for_lock(db: "asyncpg.Connection[Any]") -> None:
    # Asks again and again: a session that waits for a lock does not notice that the other end has gone.
    while True:
        if await db.fetchval("SELECT pg_try_advisory_lock($1)", LOCK, timeout=ANSWER):
            return
        await asyncio.sleep(ELECTION)


async def _watch(db: "asyncpg.Connection[Any]") -> None:
    """Return when the session that holds the lock is lost."""
    lost = asyncio.Event()
    db.add_termination_listener(lambda _: lost.set())
    with contextlib.suppress(*TROUBLE):
        while not lost.is_set():
            await db.execute("SELECT 1", timeout=ANSWER)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT):
                    await lost.wait()
