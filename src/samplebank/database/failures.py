"""Errors of asyncpg when the database fails, in the words of the service."""

import asyncpg

from samplebank.errors import Unavailable

#: raised on the way to a connection while the server is away, going away or coming back
GONE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.TooManyConnectionsError,
)
#: raised for a connection that has ended, or half ended: the server said good-bye while the connection was idle
LOST = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
#: everything that work on the database can raise without a mistake in the work
TROUBLE = (*GONE, *LOST, asyncpg.PostgresError)
#: raised for a transaction that lost a deadlock or a serialisation race
RETRY = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)

AWAY = "The database cannot be reached at the moment; try again in a moment."
SAID: dict[type[Exception], str] = {
    asyncpg.DiskFullError: "The disk of the database is full; try again when the operator has made room on it.",
    asyncpg.OutOfMemoryError: "The database has no memory left for this at the moment; try again in a moment.",
    asyncpg.InsufficientResourcesError: "The database lacks resources at the moment; try again in a moment.",
    asyncpg.ReadOnlySQLTransactionError: "The database takes no changes at the moment; try again in a moment.",
    # an order to end an earlier question may arrive late, and meet the next question of the connection
    asyncpg.QueryCanceledError: "The database was told to end its work on this; try again in a moment.",
    asyncpg.PostgresSystemError: "The database cannot use its files at the moment; try again in a moment.",
}


def is_loss(error: BaseException | None) -> bool:
    """Whether the connection is no good any more. A `DataError` comes before anything is sent."""
    return isinstance(error, LOST) and not isinstance(error, asyncpg.DataError)


def unavailable_for(error: BaseException, *, has_ended: bool) -> Unavailable | None:
    """Translate an error raised while a connection was lent; None when the database is not to blame.

    An error of files passes while the connection lives: the work may be about a disk of its own.
    """
    if is_loss(error) or isinstance(error, (*GONE[1:], *((OSError,) if has_ended else ()))):
        return Unavailable(AWAY)
    if isinstance(error, RETRY):
        return Unavailable("Too many changes met at once; try again.")
    return next((Unavailable(said) for kind, said in SAID.items() if isinstance(error, kind)), None)
