"""Connections, the pool and transactions. Doors open transactions; concepts only use the connection."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import asyncpg
import msgspec

from samplebank.database.lending import Lending, is_lost
from samplebank.errors import Refusal, Unavailable

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection = asyncpg.Connection[Any] | PoolConnectionProxy[Any]
else:
    # the classes take type arguments only in their stubs
    Connection = asyncpg.Connection

R_co = TypeVar("R_co", covariant=True)
#: what asyncpg raises when the server is away or going away
GONE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)
AWAY = "The database cannot be reached at the moment; try again in a moment."
#: what a transaction gets that lost a deadlock or a serialisation race
RETRY = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


class Outrun(Exception):
    """What was looked at without a lock has been changed by others meanwhile; nothing else has been changed."""


class Change(Protocol[R_co]):
    """A change of one statement that is all or nothing.

    Raises `Outrun` when others changed what it had looked at before; with `locking` it locks that first.
    """

    async def __call__(self, db: Connection, *, locking: bool = False) -> R_co: ...


class _Stateless(asyncpg.Connection):
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
        except GONE as error:
            raise Unavailable(AWAY) from error
        return self._db

    async def __aexit__(self, _: object, error: BaseException | None, trace: object) -> None:
        db = self._db
        has_ended = is_lost(db)
        # with these, too, every query has come to its end
        self._lending.give(db, is_idle=error is None or isinstance(error, Refusal | Outrun))
        # asyncpg raises InterfaceError for lost connections and for mistakes in its use, which must not look alike
        if isinstance(error, GONE) or (isinstance(error, asyncpg.InterfaceError) and has_ended):
            raise Unavailable(AWAY) from error
        if isinstance(error, RETRY):
            raise Unavailable("Too many changes met at once; try again.") from error


class Database:
    """A pool of connections to one PostgreSQL."""

    def __init__(self, pool: "asyncpg.Pool[Any]", url: str) -> None:
        self._lending = Lending(pool)
        self.url = url

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

    async def close(self) -> None:
        await self._lending.close()


async def connect(url: str, *, least: int = 1, most: int = 16, keep_plans: bool = False) -> Database:
    """Open a pool on `url`; raises `Unavailable` when no connection can be had.

    With `keep_plans` each statement is planned once for any values, unless a transaction says otherwise, as searches do.
    Left to itself, PostgreSQL plans some of the busiest ones anew for each request, which takes longer than their work.
    """
    # Memoize makes room for all rows that a plan could give, even if only the first page of them is asked for.
    settings = {"application_name": "samplebank", "jit": "off", "enable_memoize": "off"}
    if keep_plans:
        settings["plan_cache_mode"] = "force_generic_plan"
    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=least,
            max_size=most,
            init=_prepare,
            connection_class=_Stateless,
            command_timeout=60,
            server_settings=settings,
        )
    except (*GONE, asyncpg.PostgresError) as error:
        raise Unavailable(f"The database cannot be reached: {error}") from error
    return Database(pool, url)
