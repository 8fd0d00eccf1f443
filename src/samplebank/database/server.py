"""What the server behind a connection gives: changes, or reading alone; a session of its own, or a shared session; every text.

A pooler such as PgBouncer may give each transaction another session of the server. Then signals are never heard, two
housekeepers hold the lock of the election at once, and a backup does not hold back removals.
"""

import secrets

from samplebank.database.connection import Connection, reach
from samplebank.errors import Invalid

#: looks for a shared session: other clients of the pooler may take the session between two statements
LOOKS = 10
IS_READ_ONLY = "SHOW transaction_read_only"
#: seconds after which a change that waits for a standby is told of
SLOW_STANDBY = 5.0
WAIT_FOR_STANDBY = """
    SELECT count(*) FROM pg_stat_activity
     WHERE wait_event = 'SyncRep' AND state_change < clock_timestamp() - make_interval(secs => $1)
"""
MARK = "samplebank.session"
IS_MARKED = f"SELECT WHERE current_setting('{MARK}', true) = '{{}}'"
SHARED = (
    "SAMPLEBANK_DATABASE_URL leads to a pooler that gives each transaction another session of the database, which breaks "
    "signals and the election of the housekeeper: set pool_mode = session in PgBouncer, or name the database itself."
)
#: what a service says of such a server
READ_ONLY = "The database takes no changes: it is read-only, or the standby of another."
#: the same of a database with a narrower encoding, and what to do
NARROW = "The database has the encoding {}, which cannot hold every name and text: the service needs UTF8."
WIDE = (
    "Create a database with ENCODING 'UTF8' (CREATE DATABASE … ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0), and name "
    "that database in SAMPLEBANK_DATABASE_URL."
)
#: what to do with an installation in such a database
MOVE = "`samplebank backup` and `samplebank restore` bring an installation there."
#: an encoding without letters: every text is kept, and capitals are capitals of ASCII alone
UNKNOWING = "SQL_ASCII"
#: so do the locales C and POSIX in any encoding, and Turkish ones have another small letter for I
IS_BLIND = "SELECT lower('ÄЖI') <> 'äжi'"
#: the name of the column depends on the version
LOCALE = """
    SELECT coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', datctype)
      FROM pg_database d WHERE datname = current_database()
"""
BLIND = "The database has the {} {}: searches take capitals for other letters than the small ones, such as Ä and ä, or I and i."


def encoding_of(db: Connection) -> str:
    encoding: str = db.get_settings().server_encoding
    return encoding


def narrowness(db: Connection) -> str | None:
    """What is wrong with the encoding of the database, in words; None where the database takes every text."""
    encoding = encoding_of(db)
    return None if encoding in {"UTF8", UNKNOWING} else NARROW.format(encoding)


async def blindness(db: Connection) -> str | None:
    """What keeps searches from finding capitals by small letters, in words; None where all is well."""
    if not await db.fetchval(IS_BLIND):
        return None
    encoding = encoding_of(db)
    if encoding == UNKNOWING:
        return BLIND.format("encoding", encoding)
    return BLIND.format("locale", await db.fetchval(LOCALE))


async def is_read_only(db: Connection) -> bool:
    """Whether the server takes no changes, for example as the standby of another server."""
    answer: str = await db.fetchval(IS_READ_ONLY)
    return answer == "on"


async def waiting_for_standby(db: Connection, seconds: float = SLOW_STANDBY) -> int:
    """How many changes have waited for so long until a synchronous standby has each. The server waits without end."""
    number: int = await db.fetchval(WAIT_FOR_STANDBY, seconds)
    return number


async def check_session(db: Connection, url: str) -> None:
    """Raise `Invalid` where a connection to this URL shares its session with other connections, as behind a pooler."""
    other = await reach(url)
    try:
        if not await has_own_session(db, other):
            raise Invalid(SHARED)
    finally:
        await other.close()


async def has_own_session(db: Connection, other: Connection) -> bool:
    """Whether a connection keeps its session from one statement to the next, and from the `other` connection.

    The session of the connection gets a mark: the connection sees the mark, and the other connection does not.
    """
    for _ in range(LOOKS):
        token = secrets.token_hex(8)
        await db.execute(f"SET {MARK} = '{token}'")
        if await _sees(other, token) or not await _sees(db, token):
            return False
    return True


async def _sees(db: Connection, token: str) -> bool:
    # As a simple statement, for a prepared statement would belong to a session. A simple statement tells the number of rows.
    status: str = await db.execute(IS_MARKED.format(token))
    return status == "SELECT 1"
