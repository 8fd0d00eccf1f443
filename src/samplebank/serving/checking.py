"""Whether the database gives what the service needs, checked at the start: changes, texts, and sessions of its own."""

from samplebank.database.connection import connect_alone
from samplebank.database.server import MOVE, READ_ONLY, WIDE, check_session, is_read_only, narrowness
from samplebank.errors import Invalid

PRIMARY = f"{READ_ONLY} Name the primary in SAMPLEBANK_DATABASE_URL, or both servers with ?target_session_attrs=read-write."


async def check_database(url: str) -> None:
    """Raise `Invalid` with one line when the database takes no changes or not every text, or shares sessions."""
    db = await connect_alone(url)
    try:
        await check_session(db, url)
        if await is_read_only(db):
            raise Invalid(PRIMARY)
        if wrong := narrowness(db):
            raise Invalid(f"{wrong} {WIDE} {MOVE}")
    finally:
        await db.close()
