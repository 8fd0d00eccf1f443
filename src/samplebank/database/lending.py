"""Connections that are kept for the next request.

The pool of asyncpg makes and ends connections. To return a connection to the pool costs a task and two timers, more than a
small query. So only connections left in the middle of something go back to the pool.
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import asyncpg

from samplebank.database.failures import TROUBLE
from samplebank.database.rounds import Rounds, on_behalf

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

#: seconds after which a request that waits for a connection gives up
PATIENCE = 10.0
#: seconds between looks for unused connections: connections that nobody used since the last look are ended
IDLE = 30.0
#: seconds without an attempt at a further connection after the server has refused one
RESPITE = 1.0
#: seconds in which a connection may say good-bye
FAREWELL = 2.0


class _Refused(Exception):
    """The server takes no more connections; a connection in use will come free."""


def is_lost(db: "PoolConnectionProxy[Any]") -> bool:
    """Whether the connection has ended. Then the pool has taken the connection back, and every use raises an error."""
    try:
        return db.is_closed()
    except asyncpg.InterfaceError:
        return True


class Lending:
    """The connections of a pool. The last given back is lent first, so that few connections do most of the work.

    Where requests wait for connections, customers and users take turns.
    """

    def __init__(self, pool: "asyncpg.Pool[Any]") -> None:
        self._pool = pool
        self._free: list[PoolConnectionProxy[Any]] = []
        self._waiting: Rounds[asyncio.Future[PoolConnectionProxy[Any] | None]] = Rounds()
        self._returns: set[asyncio.Task[None]] = set()
        #: the fewest connections free at once since the last look: so many connections were not used
        self._unused = 0
        self._look: asyncio.TimerHandle | None = None
        self._refused_until = 0.0
        #: since when somebody waits and nobody has given a connection back
        self._starving_since: float | None = None
        self.held = 0

    @property
    def lent(self) -> int:
        return self.held - len(self._free)

    @property
    def waiting(self) -> int:
        """How many wait for a connection."""
        return sum(not turn.done() for turn in self._waiting.items())

    @property
    def starved(self) -> float:
        """Seconds since somebody had to wait, in which no connection has been given back."""
        since = self._starving_since
        return 0.0 if since is None else asyncio.get_running_loop().time() - since

    async def take(self) -> "PoolConnectionProxy[Any]":
        """Take a connection. Raises `TimeoutError` when none comes free in time, and the errors of asyncpg."""
        while True:
            while self._free:
                db = self._free.pop()
                self._unused = min(self._unused, len(self._free))
                if not is_lost(db):
                    return db
                await self._return(db)
            if self._has_room():
                with contextlib.suppress(_Refused):
                    return await self._acquire()
                continue  # while the server was asked, a connection may have come free
            given = await self._wait()
            if given is not None:
                return given

    def give(self, db: "PoolConnectionProxy[Any]", *, is_idle: bool, is_lost: bool = False) -> None:
        """Give a connection back. Unless the connection `is_idle`, the pool puts the connection in order before the next use.

        Where a connection `is_lost`, the free connections are no better, as a rule. So all of them are ended, before a free
        connection lets another request down.
        """
        self._starving_since = None
        if is_lost:
            free, self._free, self._unused = self._free, [], 0
            for other in (db, *free):
                self._begin(self._end(other))
        elif not is_idle or db.is_in_transaction():
            self._begin(self._return(db))
        elif not self._pass_on(db):
            self._free.append(db)

    async def close(self) -> None:
        """End all connections, once every lent connection has been given back."""
        if self._look is not None:
            self._look.cancel()
        while self._free:
            await self._return(self._free.pop())
        await asyncio.gather(*self._returns)
        await self._pool.close()

    def _has_room(self) -> bool:
        """Whether a further connection may be made. A server that has just refused is not asked while others are held."""
        if self.held and asyncio.get_running_loop().time() < self._refused_until:
            return False
        return self.held < self._pool.get_max_size()

    async def _acquire(self) -> "PoolConnectionProxy[Any]":
        self.held += 1
        try:
            db = await self._pool.acquire(timeout=PATIENCE)
        except BaseException as error:
            self.held -= 1
            if isinstance(error, asyncpg.TooManyConnectionsError) and self.held:
                self._refused_until = asyncio.get_running_loop().time() + RESPITE
                raise _Refused from error
            self._pass_on(None)
            raise
        if self._look is None:
            self._look = asyncio.get_running_loop().call_later(IDLE, self._end_unused)
        return db

    def _end_unused(self) -> None:
        """End the connections that nobody used since the last look: the server may have others to serve."""
        unused, self._free = self._free[: self._unused], self._free[self._unused :]
        self._unused = len(self._free)
        for db in unused:
            self._begin(self._end(db))
        self._look = asyncio.get_running_loop().call_later(IDLE, self._end_unused) if self.held else None

    def _begin(self, returning: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(returning)
        self._returns.add(task)
        task.add_done_callback(self._returns.discard)

    async def _end(self, db: "PoolConnectionProxy[Any]") -> None:
        try:
            await db.close(timeout=FAREWELL)
        except TROUBLE:
            with contextlib.suppress(*TROUBLE):
                db.terminate()
        finally:
            await self._return(db)

    async def _return(self, db: "PoolConnectionProxy[Any]") -> None:
        try:
            await self._pool.release(db)
        except TROUBLE:
            pass  # the pool has ended the connection
        finally:
            self.held -= 1
            self._pass_on(None)

    async def _wait(self) -> "PoolConnectionProxy[Any] | None":
        """Wait for a connection that somebody gives back; None when there is room for a new connection."""
        turn: asyncio.Future[PoolConnectionProxy[Any] | None] = asyncio.get_running_loop().create_future()
        self._waiting.add(on_behalf.get(), turn)
        if self._starving_since is None:
            self._starving_since = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(PATIENCE):
                return await turn
        except BaseException:
            if turn.done() and not turn.cancelled():  # the connection came too late for this request
                given = turn.result()
                if not self._pass_on(given) and given is not None:
                    self._free.append(given)
            raise

    def _pass_on(self, db: "PoolConnectionProxy[Any] | None") -> bool:
        """Give a connection, or the room for a connection, to the next request in turn. Whether anybody waits."""
        while self._waiting:
            turn = self._waiting.take()
            if not turn.done():
                turn.set_result(db)
                return True
        return False
