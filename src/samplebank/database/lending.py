"""Connections that are kept for the next one who asks.

asyncpg's pool makes and ends them. To return one to it costs a task and two timers, more than a small query, so only
those go back that were left in the middle of something.
"""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import asyncpg

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

#: seconds after which whoever waits for a connection gives up
PATIENCE = 10.0


def is_lost(db: "PoolConnectionProxy[Any]") -> bool:
    """Whether the connection has ended. Then the pool has taken it back already, and it answers nothing any more."""
    try:
        return db.is_closed()
    except asyncpg.InterfaceError:
        return True


class Lending:
    """The connections of a pool, the last one given back first, so that few of them do most of the work."""

    def __init__(self, pool: "asyncpg.Pool[Any]") -> None:
        self._pool = pool
        self._free: list[PoolConnectionProxy[Any]] = []
        self._held = 0
        self._waiting: deque[asyncio.Future[PoolConnectionProxy[Any] | None]] = deque()
        self._returns: set[asyncio.Task[None]] = set()

    async def take(self) -> "PoolConnectionProxy[Any]":
        """A connection; raises `TimeoutError` when none comes free in time, and what asyncpg raises."""
        while True:
            while self._free:
                db = self._free.pop()
                if not is_lost(db):
                    return db
                await self._return(db)
            if self._held < self._pool.get_max_size():
                return await self._acquire()
            given = await self._wait()
            if given is not None:
                return given

    def give(self, db: "PoolConnectionProxy[Any]", *, is_idle: bool) -> None:
        """Give a connection back; unless it `is_idle`, the pool brings it into order before it is lent again."""
        if is_idle and not is_lost(db) and not db.is_in_transaction():
            if not self._pass_on(db):
                self._free.append(db)
            return
        returning = asyncio.ensure_future(self._return(db))
        self._returns.add(returning)
        returning.add_done_callback(self._returns.discard)

    async def close(self) -> None:
        """End all connections, once those that are lent have been given back."""
        while self._free:
            await self._return(self._free.pop())
        await asyncio.gather(*self._returns)
        await self._pool.close()

    async def _acquire(self) -> "PoolConnectionProxy[Any]":
        self._held += 1
        try:
            return await self._pool.acquire(timeout=PATIENCE)
        except BaseException:
            self._held -= 1
            self._pass_on(None)
            raise

    async def _return(self, db: "PoolConnectionProxy[Any]") -> None:
        try:
            await self._pool.release(db)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            pass  # the pool has ended it
        finally:
            self._held -= 1
            self._pass_on(None)

    async def _wait(self) -> "PoolConnectionProxy[Any] | None":
        """Wait for a connection that somebody gives back; None when there is room for a new one."""
        turn: asyncio.Future[PoolConnectionProxy[Any] | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await asyncio.wait_for(turn, PATIENCE)
        except BaseException:
            if turn.done() and not turn.cancelled():  # it came too late for this one
                given = turn.result()
                if not self._pass_on(given) and given is not None:
                    self._free.append(given)
            raise

    def _pass_on(self, db: "PoolConnectionProxy[Any] | None") -> bool:
        """Let the one who waits longest have a connection, or room for one; whether anybody waits."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(db)
                return True
        return False
