"""Whether the database gives what the service needs, checked at the start: changes, and sessions of its own.

A pooler such as PgBouncer may give each transaction another session of the server. Then signals are never heard, and two
housekeepers hold the lock of the election at once.
"""

import secrets

from samplebank.database import Connection
from samplebank.database.connection import connect_alone
from samplebank.errors import Invalid

#: looks for a shared session: other clients of the pooler may take the session between two statements
LOOKS = 10
MARK = "samplebank.session"
IS_MARKED = f"SELECT WHERE current_setting('{MARK}', true) = '{{}}'"
SHARED = (
    "SAMPLEBANK_DATABASE_URL leads to a pooler that gives each transaction another session of the database, which breaks "
    "signals and the election of the housekeeper: set pool_mode = session in PgBouncer, or name the database itself."
)
READ_ONLY = (
    "The database takes no changes: it is read-only, or the standby of another. Name the primary in "
    "SAMPLEBANK_DATABASE_URL, or both servers with ?target_session_attrs=read-write."
)


async def check_database(url: str) -> None:
    """Raise `Invalid` with one line when the database takes no changes, or shares sessions among connections."""
    first = await connect_alone(url)
    try:
        second = await connect_alone(url)
        try:
            await _check_sessions(first, second)
        finally:
            await second.close()
        if await first.fetchval("SHOW transaction_read_only") == "on":
            raise Invalid(READ_ONLY)
    finally:
        await first.close()


async def _check_sessions(first: Connection, second: Connection) -> None:
    """Mark the session of one connection: this connection sees the mark, and the other does not."""
    for _ in range(LOOKS):
        token = secrets.token_hex(8)
        await first.execute(f"SET {MARK} = '{token}'")
        if await _sees(second, token) or not await _sees(first, token):
            raise Invalid(SHARED)


async def _sees(db: Connection, token: str) -> bool:
    # As a simple statement, for a prepared statement would belong to a session. A simple statement tells the number of rows.
    status: str = await db.execute(IS_MARKED.format(token))
    return status == "SELECT 1"
