"""The weeks of the ledger: tables that are made ahead, and dropped as a whole. Nothing else removes an entry."""

from typing import Final

import asyncpg
import msgspec

from samplebank.database import Connection, Statement
from samplebank.timespec import Millis

WEEK: Final = 7 * 24 * 3600 * 1000
#: weeks made ahead of the present week
AHEAD: Final = 8
#: The table is locked for the work of a moment. Whoever adds entries would wait behind a longer wait.
PATIENCE: Final = "SET LOCAL lock_timeout = '500ms'"
MAKE: Final = Statement(
    "SELECT audit_make_week(week) FROM generate_series(:first::bigint, :last::bigint) week"
)
WEEKS: Final = """
    SELECT substr(c.relname, 12)::bigint FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'audit'::regclass AND c.relname LIKE 'audit\\_week\\_%' ORDER BY 1
"""
NEWEST_OTHER: Final = "SELECT max(time) FROM audit_other"
OTHERS: Final = "SELECT count(*) FROM (SELECT FROM audit_other LIMIT 10000) o"


class Reach(msgspec.Struct, frozen=True):
    """Until when weeks are made, and how many entries are in no week (10,000 at most)."""

    end: Millis
    others: int


async def make_weeks(db: Connection, *, now: Millis) -> bool:
    """Make the weeks to come; False where others hold the table. `db` is in a transaction."""
    first = now // WEEK
    missing = set(range(first, first + AHEAD + 1)) - set(await weeks_made(db))
    if not missing:
        return True
    try:
        await db.execute(PATIENCE)
        await MAKE.rows(db, first=min(missing), last=max(missing))
    except asyncpg.LockNotAvailableError:
        return False
    return True


async def drop_next(db: Connection, *, before: Millis) -> int | None:
    """Drop the oldest week, if each of its entries is from `before`; answers the number of the week. `db` is in a transaction.

    None where there is no such week, or where others hold the table.
    """
    made = await weeks_made(db)
    if not made or (made[0] + 1) * WEEK > before:
        return None
    try:
        await db.execute(PATIENCE)
        await db.execute(f"DROP TABLE audit_week_{made[0]:d}")
    except asyncpg.LockNotAvailableError:
        return None
    return made[0]


async def drop_others(db: Connection, *, before: Millis) -> bool:
    """Drop the entries beside the weeks, if each of them is from `before`; whether there were any. `db` is in a transaction."""
    newest: Millis | None = await db.fetchval(NEWEST_OTHER)
    if newest is None or newest >= before:
        return False
    try:
        await db.execute(PATIENCE)
        await db.execute("DROP TABLE audit_other")
        await db.fetchval("SELECT audit_make_other()")
    except asyncpg.LockNotAvailableError:
        return False
    return True


async def reach(db: Connection) -> Reach:
    """Tell how far the weeks reach."""
    made = await weeks_made(db)
    return Reach((made[-1] + 1) * WEEK if made else 0, await db.fetchval(OTHERS))


async def weeks_made(db: Connection) -> list[int]:
    """The numbers of the weeks, counted from 1970."""
    return [row[0] for row in await db.fetch(WEEKS)]
