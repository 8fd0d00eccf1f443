"""The feed: every event once, none missed, the events of a sample in their order.

Ids of events are given before the commit. A reader that goes by ids alone misses the event of a transaction that commits
later than an event with a greater id. So a reader goes by transactions, and reads no event of a transaction while an older
transaction of the database server is under way (`pg_snapshot_xmin`).

A transaction that waits for the lock of a sample may have an older number than the transaction that holds the lock. So the
events of a sample are in the order of their ids, and not of their transactions. A reader therefore reads window by window.
All transactions of a window have ended when the window is opened, and within a window events come by their ids. No window ends
between two such transactions.
"""

from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from samplebank.database import Columns, Connection, Statement
from samplebank.timespec import Millis

XMIN = "pg_snapshot_xmin(pg_current_snapshot())"
#: Every event that can be seen is below. Of a range with two ends, the planner expects few rows.
XMAX = "pg_snapshot_xmax(pg_current_snapshot())"
#: columns of a window before the columns of its events
OF_WINDOW = 3


class Place(msgspec.Struct, frozen=True):
    """Where a reader stands: behind the event `id` of a window.

    The window has the transactions from `since` up to, and without, `until`, and no event with an id beyond `last`.
    """

    since: int = 0
    until: int = 0
    id: int = 0
    last: int = 0

    @property
    def is_at_end(self) -> bool:
        """Whether the window has been read."""
        return self.id >= self.last


#: before the oldest event
BEGINNING = Place()


class Event(msgspec.Struct, frozen=True):
    """Something that happened."""

    id: int
    sample_id: int
    kind: str
    payload: dict[str, Any]
    created_time: Millis


class Feed(msgspec.Struct, frozen=True):
    """The feed as a whole. A feed that has come back by a dump, on another server, is another feed."""

    identity: UUID
    #: hides places and numbers of events from readers
    secret: UUID
    forgotten_xid: int | None
    forgotten_id: int | None
    #: transactions from this number on have not ended, or have not begun
    open_xid: int

    @property
    def behind_forgotten(self) -> Place:
        """The place behind everything that was forgotten: where a reader of an empty feed stands."""
        until = 0 if self.forgotten_xid is None else self.forgotten_xid + 1
        return Place(until, until)

    def has_forgotten_behind(self, place: Place) -> bool:
        """Whether events behind the place were forgotten before the reader has read them."""
        if self.forgotten_xid is None or self.forgotten_id is None:
            return False
        in_window = not place.is_at_end and place.since <= self.forgotten_xid and place.id < self.forgotten_id
        return in_window or place.until <= self.forgotten_xid

    def is_older_than(self, place: Place) -> bool:
        """Whether the database has come back from a backup that was made before the reader read."""
        return place.until > self.open_xid


class Forgotten(NamedTuple):
    """How many events were deleted, and the sinks that still had to deliver one of the events."""

    events: int
    sinks: list[str]


class Newest(NamedTuple):
    """How far the feed may be read.

    `until` is the place of a reader who has read everything. `is_more`: there are events that nobody may read yet.
    """

    until: int
    is_more: bool
    #: grows for as long as the same server goes on
    open_xid: int


EVENT = Columns.of(Event, "o")
LOOK = Statement(f"SELECT identity, secret, forgotten_xid::text, forgotten_id, {XMIN}::text FROM feed")


def _events(*, behind: str, last: str, until: str) -> str:
    """A query for the first events of a window, by their ids. The parameters are expressions; `until` has its operator."""
    # CASE hides the index of transactions: of a long window, each page would sort the whole window.
    return f"""
        SELECT {EVENT.sql} FROM outbox o
         WHERE o.id > {behind} AND o.id <= {last}
           AND CASE WHEN o.xid >= :since::text::xid8 AND o.xid {until} THEN TRUE END
         ORDER BY o.id LIMIT :most
    """


READ = Statement(_events(behind=":id", last=":last", until="< :until::text::xid8"))
#: Parts of a statement: `fence` (xid) is the transaction before which a window that begins at `:since` has to end.
#: A transaction may wait for the lock of a sample that a transaction with a greater number holds, while a third transaction, with a
#: number between, is under way. A window up to the third one would have the later event of the sample without the earlier
#: event. So the transaction that waited is the fence. What holds for the third one holds for the fence, so the fence may have to
#: move again. `beyond` has the first event of each sample behind the fence. Only events with greater ids may be told too
#: early (`crossing`), so few events are looked at: the index of transactions has the ids, and passes over all greater ones, of
#: which there are very many behind a long transaction. `+ 0` hides the index of ids.
FENCE = f"""
    unread AS MATERIALIZED (
        SELECT CASE WHEN :since::text = '0' THEN (SELECT max(id) FROM outbox)
                    ELSE (SELECT max(o.id + 0) FROM outbox o WHERE o.xid >= :since::text::xid8 AND o.xid < {XMIN})
               END AS last
    ), fences(xid) AS (
        SELECT {XMIN}
         UNION ALL
        SELECT nearer.xid FROM fences CROSS JOIN unread CROSS JOIN LATERAL (
            WITH beyond AS MATERIALIZED (
                SELECT o.sample_id, min(o.id) AS id FROM outbox o
                 WHERE o.xid >= fences.xid AND o.xid < {XMAX} AND o.id < unread.last GROUP BY o.sample_id
            ), crossing AS MATERIALIZED (
                SELECT o.xid FROM beyond JOIN outbox o ON o.sample_id = beyond.sample_id AND o.id > beyond.id
                 WHERE o.id > (SELECT min(id) FROM beyond) AND o.id <= unread.last
                   AND CASE WHEN o.xid >= :since::text::xid8 AND o.xid < fences.xid THEN TRUE END
            )
            SELECT xid FROM crossing ORDER BY xid LIMIT 1
        ) nearer
    ), fence AS MATERIALIZED (
        SELECT xid FROM fences ORDER BY xid LIMIT 1
    ), newest AS MATERIALIZED (
        SELECT o.xid FROM outbox o WHERE o.xid >= :since::text::xid8 AND o.xid < (SELECT xid FROM fence)
         ORDER BY o.xid DESC LIMIT 1
    )
"""
# The window ends with its last event, not with the last transaction that has ended: after a crash of the server, the number
# of a transaction that left nothing behind is given again. `+ 0` hides the index of ids, in which a window lies at the end.
OPEN_WINDOW = Statement(f"""
    WITH RECURSIVE {FENCE}, opened AS MATERIALIZED (
        SELECT newest.xid,
               CASE WHEN :since::text = '0' THEN 0
                    ELSE (SELECT min(o.id + 0) - 1 FROM outbox o WHERE o.xid >= :since::text::xid8 AND o.xid <= newest.xid)
               END AS first,
               (SELECT max(id) FROM outbox) AS last
          FROM newest
    )
    SELECT opened.xid::text, opened.first, opened.last, read.* FROM opened LEFT JOIN LATERAL (
        {_events(behind="opened.first", last="opened.last", until="<= opened.xid")}
    ) read ON TRUE ORDER BY read.id
""")
# By order: in a young database, the planner would look through the table for transactions beyond a number.
NEWEST = Statement(f"""
    WITH RECURSIVE {FENCE}
    SELECT (SELECT xid FROM newest)::text,
           (SELECT o.xid FROM outbox o ORDER BY o.xid DESC LIMIT 1) >= (SELECT xid FROM fence), {XMIN}::text
""")
# Ids grow with the times of events, except among events stored at the same time.
FORGET = Statement("""
    WITH gone AS (
        DELETE FROM outbox WHERE id IN (
            SELECT id FROM (SELECT id, created_time FROM outbox ORDER BY id LIMIT :most) oldest
             WHERE created_time < :before)
        RETURNING id, xid
    ), undelivered AS (
        DELETE FROM delivery USING gone WHERE delivery.event_id = gone.id RETURNING sink, dead_time
    ), noted AS (
        UPDATE feed SET forgotten_id = greatest(forgotten_id, (SELECT max(id) FROM gone)),
               forgotten_xid = greatest(forgotten_xid, (SELECT xid FROM gone ORDER BY xid DESC LIMIT 1))
         WHERE EXISTS (SELECT FROM gone)
    )
    SELECT (SELECT count(*) FROM gone), ARRAY(SELECT DISTINCT sink FROM undelivered WHERE dead_time IS NULL)
""")
SERVER = "SELECT system_identifier FROM pg_control_system()"
FIND_SERVER = "SELECT server FROM feed FOR UPDATE"
NAME_SERVER = "UPDATE feed SET server = $1"
#: Transactions of another server have other numbers. All that is stored counts as older, and sinks keep what they have to do.
BEGIN_ANEW = (
    """
    INSERT INTO delivery (sink, event_id, sample_id)
    SELECT sink.name, o.id, o.sample_id FROM sink, outbox o
     WHERE o.xid >= sink.until OR (o.xid >= sink.since AND o.id > sink.id AND o.id <= sink.last)
     ORDER BY o.id ON CONFLICT DO NOTHING
    """,
    "UPDATE sink SET since = '1', until = '1', id = 0, last = 0",
    "UPDATE outbox SET xid = '0' WHERE xid <> '0'",
    "UPDATE feed SET identity = gen_random_uuid(), forgotten_xid = NULL, forgotten_id = NULL",
)


async def look(db: Connection) -> Feed:
    identity, secret, forgotten_xid, forgotten_id, open_xid = await LOOK.row(db)
    return Feed(
        identity, secret, None if forgotten_xid is None else int(forgotten_xid), forgotten_id, int(open_xid)
    )


async def read(db: Connection, place: Place, most: int) -> tuple[list[Event], Place]:
    """Read up to `most` events behind a place, and tell the place behind the events.

    Fewer events than `most` do not mean that the feed ends there. No event, and the same place, does.
    """
    if place.is_at_end:
        rows = await OPEN_WINDOW.rows(db, since=str(place.until), most=most)
        if not rows:
            return [], place
        newest, first, last = rows[0][:OF_WINDOW]
        place = Place(place.until, int(newest) + 1, first, last)
        events = [EVENT.read(row[OF_WINDOW:]) for row in rows if row["id"] is not None]
    else:
        values = {"since": str(place.since), "until": str(place.until), "id": place.id, "last": place.last}
        events = [EVENT.read(row) for row in await READ.rows(db, **values, most=most)]
    return events, behind(place, events[-1].id if len(events) == most else place.last)


def behind(place: Place, id_: int) -> Place:
    """The place behind an event of the same window."""
    return msgspec.structs.replace(place, id=id_)


async def newest(db: Connection, since: int = 0) -> Newest:
    """How far the feed may be read now. `since` is an `until` of earlier."""
    xid, is_more, open_xid = await NEWEST.row(db, since=str(since))
    return Newest(since if xid is None else int(xid) + 1, bool(is_more), int(open_xid))


async def end_of(db: Connection, known: Feed) -> Place:
    """The place behind all events that may be read now, and behind all that were forgotten."""
    until = (await newest(db)).until
    return max(Place(until, until), known.behind_forgotten, key=lambda place: place.until)


async def forget(db: Connection, before: Millis, most: int) -> Forgotten:
    """Delete a batch of events that happened before `before`."""
    return Forgotten(*await FORGET.row(db, before=before, most=most))


async def settle(db: Connection) -> None:
    """Begin the feed anew where the database has moved to another server by a dump. Must run in a transaction."""
    server = await db.fetchval(SERVER)
    known = await db.fetchval(FIND_SERVER)
    if known == server:
        return
    if known is not None:
        await begin_anew(db)
    await db.execute(NAME_SERVER, server)


async def begin_anew(db: Connection) -> None:
    """Begin the feed anew in a database that has come back from a dump: cursors from before are refused, and no event is lost."""
    for statement in BEGIN_ANEW:
        await db.execute(statement)
