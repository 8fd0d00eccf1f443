"""Connections, the pool and transactions. Doors open transactions; concepts only use the connection."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import asyncpg
import msgspec

from samplebank.database.failures import AWAY, TROUBLE, is_loss, unavailable_for
from samplebank.database.lending import Lending, is_lost
from samplebank.errors import Refusal, Unavailable

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection = asyncpg.Connection[Any] | PoolConnectionProxy[Any]
else:
    # the classes take type arguments only in their stubs
    Connection = asyncpg.Connection

R_co = TypeVar("R_co", covariant=True)
#: settings of every session; Memoize makes room for all rows that a plan could give, even if only the first page is asked for
SETTINGS = {
    "application_name": "samplebank",
    "jit": "off",
    "enable_memoize": "off",
    # a list whose client takes its parts too slowly ends; nothing else leaves a transaction alone for so long
    "idle_in_transaction_session_timeout": "120000",
    # the server lets go of a session whose other end has gone without a word, with its locks
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
#: the same at this end: seconds of silence before the line is probed, between probes, and how many may be lost
KEEPALIVE = ((socket.TCP_KEEPIDLE, 10), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3))
#: milliseconds that what was sent may stay unacknowledged
USER_TIMEOUT = 15_000
#: seconds that making a connection may take
CONNECTING = 10.0


class Outrun(Exception):
    """What was looked at without a lock has been changed by others meanwhile; nothing else has been changed."""


class Change(Protocol[R_co]):
    """A change of one statement that is all or nothing.

    Raises `Outrun` when others changed what it had looked at before; with `locking` it locks that first.
    """

    async def __call__(self, db: Connection, *, locking: bool = False) -> R_co: ...


class _Probed(asyncpg.Connection):
    """A connection that notices within half a minute that the other end of the line has gone without a word."""

    def __init__(self, protocol: Any, transport: asyncio.Transport, *others: Any) -> None:
        super().__init__(protocol, transport, *others)
        line = transport.get_extra_info("socket")
        if line is None or line.family not in {socket.AF_INET, socket.AF_INET6}:
            return
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (*KEEPALIVE, (socket.TCP_USER_TIMEOUT, USER_TIMEOUT)):
            line.setsockopt(socket.IPPROTO_TCP, option, value)


class _Stateless(_Probed):
    """A connection whose session holds no state of its own, so that its return to the pool needs no round trip.

    Settings are SET LOCAL, advisory locks and LISTEN have connections outside the pool, cursors end with their
    transaction; a transaction that is left open is still rolled back.
    """

    def get_reset_query(self) -> str:
        return ""


async def _prepare(db: "asyncpg.Connection[Any]") -> None:
    await db.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + (value if isinstance(value, bytes) else msgspec.json.encode(value)),
        decoder=lambda value: msgspec.json.decode(value[1:]),
        format="binary",
    )


class _Lent:
    """A connection for as long as a block lasts. What asyncpg raises for lost ones becomes `Unavailable`."""

    __slots__ = ("_db", "_lending")

    def __init__(self, lending: Lending) -> None:
        self._lending = lending
        self._db: PoolConnectionProxy[Any]

    async def __aenter__(self) -> Connection:
        try:
            self._db = await self._lending.take()
        except TROUBLE as error:
            raise Unavailable(AWAY) from error
        return self._db

    async def __aexit__(self, _: object, error: BaseException | None, trace: object) -> None:
        db = self._db
        has_ended = is_lost(db)
        # with these, too, every query has come to its end
        is_idle = error is None or isinstance(error, Refusal | Outrun)
        self._lending.give(db, is_idle=is_idle, is_lost=has_ended or is_loss(error))
        if error is None:
            return
        told = unavailable_for(error, has_ended=has_ended)
        if told is None:
            return
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            # The rollback of what was cancelled failed. Who is told to stop must not take that for a failure of the work.
            raise asyncio.CancelledError from error
        raise told from error


class Database:
    """A pool of connections to one PostgreSQL."""

    def __init__(self, pool: "asyncpg.Pool[Any]", url: str) -> None:
        self._lending = Lending(pool)
        self.url = url
        #: connections at most
        self.size = pool.get_max_size()

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """A connection in autocommit, for single statements."""
        return _Lent(self._lending)

    @asynccontextmanager
    async def transaction(self, *, read_only: bool = False) -> AsyncIterator[Connection]:
        """One transaction; read-only ones see one snapshot throughout."""
        isolation: Any = "repeatable_read" if read_only else "read_committed"
        async with self.connection() as db, db.transaction(isolation=isolation, readonly=read_only):
            yield db

    async def optimistically(self, change: "Change[R_co]") -> R_co:
        """Make a change without a transaction; where others outran it, behind the locks that it takes in one."""
        with suppress(Outrun):
            async with self.connection() as db:
                return await change(db)
        with suppress(Outrun):
            async with self.transaction() as db:
                return await change(db, locking=True)
        raise Unavailable("Too many changes met at once; try again.")

    async def make(self, number: int) -> None:
        """Make so many connections in advance. Raises `Unavailable`."""
        async with AsyncExitStack() as stack:
            for _ in range(number):
                await stack.enter_async_context(self.connection())

    @property
    def waiting(self) -> int:
        """How many wait for a connection."""
        return self._lending.waiting

    @property
    def starved(self) -> float:
        """Seconds since somebody had to wait for a connection, in which none has come back; 0 where nobody had to."""
        return self._lending.starved

    @property
    def held(self) -> int:
        """Connections to the server at the moment."""
        return self._lending.held

    @property
    def lent(self) -> int:
        """Those of them that somebody works with."""
        return self._lending.lent

    async def close(self) -> None:
        await self._lending.close()


async def connect(url: str, *, least: int = 1, most: int = 16, keep_plans: bool = False) -> Database:
    """Open a pool on `url`; raises `Unavailable` when `least` connections cannot be had, which may be 0.

    With `keep_plans` each statement is planned once for any values, unless a transaction says otherwise, as searches do.
    Left to itself, PostgreSQL plans some of the busiest ones anew for each request, which takes longer than their work.
    """
    settings = {**SETTINGS, "plan_cache_mode": "force_generic_plan"} if keep_plans else SETTINGS
    pool = asyncpg.create_pool(
        url,
        min_size=0,
        max_size=most,
        init=_prepare,
        connection_class=_Stateless,
        timeout=CONNECTING,
        command_timeout=60,
        server_settings=settings,
    )
    database = Database(await pool, url)
    try:
        await database.make(least)
    except (Unavailable, ValueError) as error:
        await database.close()
        raise Unavailable(f"The database cannot be reached: {error.__cause__ or error}") from error
    return database


@asynccontextmanager
async def open_database(
    url: str, *, least: int = 1, most: int = 16, keep_plans: bool = False
) -> AsyncIterator[Database]:
    """As `connect`, for as long as the block lasts."""
    database = await connect(url, least=least, most=most, keep_plans=keep_plans)
    try:
        yield database
    finally:
        await database.close()


async def connect_alone(url: str, **settings: str) -> "asyncpg.Connection[Any]":
    """A connection outside of any pool, for locks and signals. Raises what asyncpg raises."""
    return await asyncpg.connect(
        url, connection_class=_Probed, timeout=CONNECTING, server_settings={**SETTINGS, **settings}
    )
