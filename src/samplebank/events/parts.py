"""The parts of the outbox. Each part is a table with a range of ids, and so with a stretch of time.

To drop a part takes milliseconds, however many events the part holds; to delete as many rows takes minutes, and leaves as many
dead rows to the vacuum. The first part holds what was there before there were parts, and `outbox_rest` ids that no part takes.
"""

from typing import Final, NamedTuple

import asyncpg
import msgspec

from samplebank.database import Columns, Connection, Statement
from samplebank.timespec import Millis

#: parts in which the events of the retention lie at a steady rate
PARTS: Final = 8
#: ids of the smallest and of the largest part
SMALLEST: Final = 1_000_000
LARGEST: Final = 500_000_000
#: ids that events may take while a part is made
MARGIN: Final = 10_000
#: how long others may have to wait behind the one who waits for the lock of the outbox
PATIENCE: Final = "50ms"
#: by how many of PARTS a part may be late, that its events wait for the drop and are not deleted singly
LATE: Final = 2


class InUse(Exception):
    """Others use the outbox, so a part cannot be added or dropped now."""


class Part(msgspec.Struct, frozen=True):
    """The table of a part, and the first id behind the part."""

    name: str
    until: int


class Dropped(NamedTuple):
    """A part that was dropped, and the sinks that still had to deliver an event of the part."""

    part: Part
    sinks: list[str]


class Edge(msgspec.Struct, frozen=True):
    """An event at the beginning or at the end of a part."""

    id: int
    created_time: Millis


PART = Columns(
    Part,
    name="c.oid::regclass::text",
    until="substring(pg_get_expr(c.relpartbound, c.oid) FROM $$ TO \\('?(\\d+)$$)::bigint",
)
LIST = Statement(f"""
    SELECT {PART.sql} FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'outbox'::regclass AND pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT' ORDER BY 2
""")
LAST_ID = Statement("SELECT last_value FROM outbox_ids")
EDGE = Columns(Edge, id="o.id", created_time="o.created_time")
FIRST = Statement(f"SELECT {EDGE.sql} FROM outbox o WHERE o.id < :until ORDER BY o.id LIMIT 1")
NEWEST = Statement(f"SELECT {EDGE.sql} FROM outbox o WHERE o.id < :until ORDER BY o.id DESC LIMIT 1")
FIRST_FROM = Statement(f"SELECT {EDGE.sql} FROM outbox o WHERE o.id >= :first ORDER BY o.id LIMIT 1")
# The table is empty, so nobody waits while it becomes a part. Statements that make tables take no parameters.
ADD = (
    "CREATE TABLE outbox_{until} (LIKE outbox INCLUDING DEFAULTS INCLUDING INDEXES)",
    "ALTER TABLE outbox ATTACH PARTITION outbox_{until} FOR VALUES FROM ({first}) TO ({until})",
)
FORGET = Statement("""
    WITH undelivered AS (
        DELETE FROM delivery WHERE event_id < :until RETURNING sink, dead_time
    ), stray AS (
        DELETE FROM outbox_rest WHERE id < :until
    )
    UPDATE feed SET forgotten_id = greatest(forgotten_id, gone.id), forgotten_xid = greatest(forgotten_xid, gone.xid)
      FROM (SELECT (SELECT max(id) FROM outbox WHERE id < :until) AS id,
                   (SELECT xid FROM outbox WHERE id < :until ORDER BY xid DESC LIMIT 1) AS xid) gone
    RETURNING ARRAY(SELECT DISTINCT sink FROM undelivered WHERE dead_time IS NULL)
""")


async def add_ahead(db: Connection, retention: Millis, *, now: Millis) -> Part | None:
    """Add a part where less than a whole part is left for further events. Must run in a transaction.

    Answers the new part; None where none was needed. Raises `InUse`.
    """
    last: int = await LAST_ID.value(db)
    parts = [PART.read(row) for row in await LIST.rows(db)]
    if sum(part.until > last for part in parts) > 1:
        return None
    first = max([last + MARGIN, *(part.until for part in parts)])
    begun = max((part.until for part in parts if part.until <= last), default=0)
    until = first + await _size(db, begun, last, retention, now=now)
    await _execute(db, *(statement.format(first=first, until=until) for statement in ADD))
    return Part(f"outbox_{until}", until)


async def drop_old(db: Connection, before: Millis) -> Dropped | None:
    """Drop the oldest part, if all its events happened before `before`. Must run in a transaction.

    None where there is no part to drop. Raises `InUse`.
    """
    oldest = await _oldest(db)
    if oldest is None:
        return None
    newest = await NEWEST.row(db, until=oldest.until)
    if newest is not None and EDGE.read(newest).created_time >= before:
        return None
    sinks = await FORGET.value(db, until=oldest.until)
    await _execute(db, f"DROP TABLE {oldest.name}")
    return Dropped(oldest, sinks)


async def is_dropped_soon(db: Connection, retention: Millis) -> bool:
    """Whether the oldest part is full, and its events are of nearly one time: then the events need not be deleted singly."""
    oldest = await _oldest(db)
    if oldest is None:
        return False
    first, newest = await FIRST.row(db, until=oldest.until), await NEWEST.row(db, until=oldest.until)
    if first is None or newest is None:
        return True
    return EDGE.read(newest).created_time - EDGE.read(first).created_time <= LATE * retention // PARTS


async def _oldest(db: Connection) -> Part | None:
    """The oldest part, if it takes no more events."""
    row = next(iter(await LIST.rows(db)), None)
    if row is None:
        return None
    oldest, last = PART.read(row), await LAST_ID.value(db)
    return oldest if oldest.until <= last else None


async def _size(db: Connection, first: int, last: int, retention: Millis, *, now: Millis) -> int:
    """The ids that a part needs at the rate of the events since the id `first`."""
    row = await FIRST_FROM.row(db, first=first)
    if row is None:
        return SMALLEST
    since = EDGE.read(row)
    wanted = (last - since.id) * (retention // PARTS) // max(now - since.created_time, 1)
    return min(max(wanted, SMALLEST), LARGEST)


async def _execute(db: Connection, *statements: str) -> None:
    """Change tables, and give up soon where others use the tables: whoever comes meanwhile has to wait behind. Raises `InUse`."""
    await db.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
    try:
        for statement in statements:
            await db.execute(statement)
    except asyncpg.LockNotAvailableError as error:
        raise InUse from error
