"""Whether the database gives what the service needs, checked at the start: changes, texts, and sessions of its own.

A pooler such as PgBouncer may give each transaction another session of the server. Then signals are never heard, and two
housekeepers hold the lock of the election at once.
"""

from samplebank.database.connection import connect_alone
from samplebank.database.server import MOVE, READ_ONLY, WIDE, has_own_session, is_read_only, narrowness
from samplebank.errors import Invalid

SHARED = (
    "SAMPLEBANK_DATABASE_URL leads to a pooler that gives each transaction another session of the database, which breaks "
    "signals and the election of the housekeeper: set pool_mode = session in PgBouncer, or name the database itself."
)
PRIMARY = f"{READ_ONLY} Name the primary in SAMPLEBANK_DATABASE_URL, or both servers with ?target_session_attrs=read-write."


async def check_database(url: str) -> None:
    """Raise `Invalid` with one line when the database takes no changes or not every text, or shares sessions."""
    first = await connect_alone(url)
    try:
        second = await connect_alone(url)
        try:
            if not await has_own_session(first, second):
                raise Invalid(SHARED)
        finally:
            await second.close()
        if await is_read_only(first):
            raise Invalid(PRIMARY)
        if wrong := narrowness(first):
            raise Invalid(f"{wrong} {WIDE} {MOVE}")
    finally:
        await first.close()
