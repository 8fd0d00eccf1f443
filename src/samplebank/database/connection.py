"""Connections, the pool and transactions. Doors open transactions; concepts only use the connection."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    nullcontext,
    suppress,
)
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import asyncpg
import msgspec

from samplebank.database.clock import DatabaseClock
from samplebank.database.failures import AWAY, TROUBLE, is_loss, unavailable_for
from samplebank.database.lending import Lending, is_lost
from samplebank.database.reaching import CONNECTING, unreachable
from samplebank.database.spending import open_bill
from samplebank.errors import Refusal, Unavailable

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection = asyncpg.Connection[Any] | PoolConnectionProxy[Any]
else:
    # the classes take type arguments only in their stubs
    Connection = asyncpg.Connection

R_co = TypeVar("R_co", covariant=True)
#: told when the connection is made, as poolers such as PgBouncer allow
NAMED = {"application_name": "samplebank"}
#: settings of every session, set after the connection is made: a pooler refuses a client that begins with them.
#: Memoize is off, as Memoize makes room for all rows of a plan even if only a page is wanted
SETTINGS = {
    "jit": "off",
    "enable_memoize": "off",
    # a list for a client that reads too slowly ends; nothing else leaves a transaction idle for so long
    "idle_in_transaction_session_timeout": "120000",
    # the server ends a session, and frees its locks, when the other end has gone without a word
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "11000",
}
#: the same at the client's end: seconds of silence before a probe, seconds between probes, and how many may be lost
KEEPALIVE = ((socket.TCP_KEEPIDLE, 5), (socket.TCP_KEEPINTVL, 2), (socket.TCP_KEEPCNT, 3))
#: milliseconds for which sent bytes may stay unacknowledged
USER_TIMEOUT = 11_000
#: attempts at a change with locks
LOCKING = 3
UNLIMITED = nullcontext()


class Outrun(Exception):
    """Others have changed rows that were looked at without a lock. The outrun change has changed nothing."""


class Change(Protocol[R_co]):
    """A change of one statement that is all or nothing.

    Raises `Outrun` when others changed the rows looked at before. With `locking`, the rows are locked first.
    """

    async def __call__(self, db: Connection, *, locking: bool = False) -> R_co: ...


class _Probed(asyncpg.Connection):
    """A connection that notices within 12 seconds when the other end of the line has gone without a word."""

    def __init__(self, protocol: Any, transport: asyncio.Transport, *others: Any) -> None:
        super().__init__(protocol, transport, *others)
        line = transport.get_extra_info("socket")
        if line is None or line.family not in {socket.AF_INET, socket.AF_INET6}:
            return
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (*KEEPALIVE, (socket.TCP_USER_TIMEOUT, USER_TIMEOUT)):
            line.setsockopt(socket.IPPROTO_TCP, option, value)


class _Stateless(_Probed):
    """A connection whose session holds no state of its own, so that the return to the pool resets nothing.

    Settings are SET LOCAL. Advisory locks and LISTEN have connections outside the pool. Cursors end with the transaction.
    A transaction left open is still rolled back.
    """

    def get_reset_query(self) -> str:
        """The shortest statement. asyncpg plans a statement, and only then asks for rows.

        Between the two, the server is in a transaction that asyncpg does not know. Where a request is given up just then,
        this statement ends the transaction. Otherwise the next request could not begin a transaction of its own.
        """
        return "SELECT"


async def _set(db: "asyncpg.Connection[Any]", settings: Mapping[str, str]) -> None:
    """Change settings of the session, all in one message."""
    await db.execute("; ".join(f"SET {name} = '{value}'" for name, value in settings.items()))


async def _prepare(db: "asyncpg.Connection[Any]") -> None:
    await db.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + (value if isinstance(value, bytes) else msgspec.json.encode(value)),
        decoder=lambda value: msgspec.json.decode(value[1:]),
        format="binary",
    )


class _Lent:
    """A connection for as long as a block lasts. Errors of asyncpg for lost connections become `Unavailable`.

    `limit` bounds the block, not the wait for a connection. A limit inside of the block would hide from the block that a
    statement was given up.
    """

    __slots__ = ("_bill", "_db", "_lending", "_limit")

    def __init__(self, lending: Lending, limit: AbstractContextManager[object]) -> None:
        self._lending = lending
        self._limit = limit
        self._db: PoolConnectionProxy[Any]

    async def __aenter__(self) -> Connection:
        try:
            self._db = await self._lending.take()
        except TROUBLE as error:
            raise _unless_cancelled(Unavailable(AWAY)) from error
        self._bill = open_bill()
        self._limit.__enter__()
        return self._db

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        db = self._db
        has_ended = is_lost(db)
        # a Refusal or an Outrun comes after the end of every query, so the connection is idle, too
        is_idle = error is None or isinstance(error, Refusal | Outrun)
        self._lending.give(db, is_idle=is_idle, is_lost=has_ended or is_loss(error))
        if self._bill is not None:
            self._bill.settle()
        self._limit.__exit__(kind, error, trace)
        if error is None:
            return
        told = unavailable_for(error, has_ended=has_ended)
        if told is not None:
            raise _unless_cancelled(told) from error


def _unless_cancelled(told: Unavailable) -> BaseException:
    """The error of a task that goes on; where the task is cancelled, the cancellation.

    A cancelled task cleans up: the task rolls back, or gives something back. A failure of the cleaning must not look like
    a failure of the work. Whoever tries again after such a failure would never end.
    """
    task = asyncio.current_task()
    return asyncio.CancelledError() if task is not None and task.cancelling() else told


class Database:
    """A pool of connections to one PostgreSQL."""

    def __init__(self, pool: "asyncpg.Pool[Any]", url: str, clock: DatabaseClock) -> None:
        self._lending = Lending(pool)
        self.url = url
        self.clock = clock
        #: the most connections
        self.size = pool.get_max_size()

    def connection(
        self, limit: AbstractContextManager[object] = UNLIMITED
    ) -> AbstractAsyncContextManager[Connection]:
        """A connection in autocommit, for single statements. `limit` bounds the time of the block, as `Deadline` does."""
        return _Lent(self._lending, limit)

    @asynccontextmanager
    async def transaction(self, *, read_only: bool = False) -> AsyncIterator[Connection]:
        """A transaction. A read-only transaction sees the same snapshot throughout."""
        isolation: Any = "repeatable_read" if read_only else "read_committed"
        async with self.connection() as db, db.transaction(isolation=isolation, readonly=read_only):
            yield db

    async def optimistically(self, change: "Change[R_co]") -> R_co:
        """Make a change without a transaction; where others outrun the change, again in a transaction with locks.

        A row that is only about to be made cannot be locked. So even with locks, others may come first.
        """
        with suppress(Outrun):
            async with self.connection() as db:
                return await change(db)
        for _ in range(LOCKING):
            with suppress(Outrun):
                async with self.transaction() as db:
                    return await change(db, locking=True)
        raise Unavailable("Too many changes met at once; try again.")

    async def make(self, number: int) -> None:
        """Make `number` connections in advance. Raises `Unavailable`."""
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
        """Connections that somebody works with at the moment."""
        return self._lending.lent

    async def close(self) -> None:
        await self._lending.close()


async def connect(url: str, *, least: int = 1, most: int = 16, keep_plans: bool = False) -> Database:
    """Open a pool on `url`. Raises `Unavailable` when `least` connections cannot be had; `least` may be 0.

    With `keep_plans` each statement is planned once for any values, unless a transaction says otherwise, as searches do.
    Left alone, PostgreSQL plans some of the busiest statements anew for each request. The planning takes longer than the
    work.
    """
    settings = {**SETTINGS, "plan_cache_mode": "force_generic_plan"} if keep_plans else SETTINGS
    clock = DatabaseClock()

    async def prepare(db: "asyncpg.Connection[Any]") -> None:
        await _set(db, settings)
        await _prepare(db)
        await clock.look(db)  # so nothing is written by the clock of a host that has not asked the database

    pool = asyncpg.create_pool(
        url,
        min_size=0,
        max_size=most,
        init=prepare,
        connection_class=_Stateless,
        timeout=CONNECTING,
        command_timeout=60,
        server_settings=NAMED,
    )
    database = Database(await pool, url, clock)
    try:
        await database.make(least)
    except (Unavailable, ValueError) as error:
        await database.close()
        raise unreachable(url, error.__cause__ or error) from error
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


async def reach(url: str, **settings: str) -> "asyncpg.Connection[Any]":
    """As `connect_alone`. Raises `Unavailable`."""
    try:
        return await connect_alone(url, **settings)
    except TROUBLE as error:
        raise unreachable(url, error) from error


async def connect_alone(url: str, **settings: str) -> "asyncpg.Connection[Any]":
    """Open a connection outside of any pool, for locks and signals. Raises the errors of asyncpg."""
    db = await asyncpg.connect(url, connection_class=_Probed, timeout=CONNECTING, server_settings=NAMED)
    try:
        async with asyncio.timeout(CONNECTING):
            await _set(db, {**SETTINGS, **settings})
    except BaseException:
        db.terminate()
        raise
    return db
