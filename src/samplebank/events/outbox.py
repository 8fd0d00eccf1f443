"""Deliveries: a sink reads the feed, and delivers each event at least once, in order per sample.

A sink moves events from the feed into its deliveries, together with its place in the feed. A delivered event is no delivery
any more. The relays of all hosts take deliveries under a lease: a delivery that was taken is not due until the lease ends.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

import msgspec

from samplebank.database import Columns, Connection, Statement
from samplebank.events import feed
from samplebank.events.feed import Place
from samplebank.timespec import Millis

#: milliseconds before the second attempt; each further attempt waits twice as long, up to the longest pause
FIRST_PAUSE = 1_000
LONGEST_PAUSE = 600_000
#: the longest pause while nobody answers at all, so that delivery goes on soon after the receiver is back
LONGEST_SILENCE = 60_000
#: events of the feed that a sink moves into its deliveries at once
READ_AT_ONCE = 200

PUBLISHED = Statement("DELETE FROM delivery WHERE sink = :sink AND event_id = :id")
FAILED = Statement("""
    UPDATE delivery SET attempts = attempts + 1, not_before = :not_before, last_error = :reason, dead_time = :dead_time
     WHERE sink = :sink AND event_id = :id
""")
REVIVE = """
    UPDATE delivery SET dead_time = NULL, attempts = 0, not_before = 0
     WHERE dead_time IS NOT NULL AND ($1::bigint IS NULL OR event_id = $1) AND ($2::text IS NULL OR sink = $2)
"""


class Reader(NamedTuple):
    """A sink as a reader of the feed: its name, and the kinds of events that the sink delivers."""

    name: str
    kinds: frozenset[str]


class Event(feed.Event, frozen=True):
    """Something that happened, and how often delivery was tried."""

    attempts: int

    @property
    def is_again(self) -> bool:
        """Whether the receiver did not take the event before."""
        return self.attempts > 0


class DeadLetter(msgspec.Struct, frozen=True):
    """An event whose delivery to a sink was given up."""

    id: int
    sink: str
    kind: str
    payload: dict[str, Any]
    created_time: Millis
    attempts: int
    dead_time: Millis
    last_error: str | None


EVENT = Columns.of(Event, "o", attempts="d.attempts")
DEAD = Columns.of(
    DeadLetter, "o", sink="d.sink", attempts="d.attempts", dead_time="d.dead_time", last_error="d.last_error"
)
#: Another relay that moves events has the row.
LOCK_SINK = Statement("""
    SELECT since::text, until::text, id, last FROM sink WHERE name = :sink FOR UPDATE SKIP LOCKED
""")
ADD_SINK = Statement("""
    INSERT INTO sink (name, since, until, id, last) VALUES (:sink, '0', '0', 0, 0) ON CONFLICT DO NOTHING
""")
PLACES = Statement("""
    SELECT name, since::text, until::text, id, last FROM sink WHERE name = ANY (:sinks::text[]) ORDER BY name
""")
MOVE_SINK = Statement("""
    UPDATE sink SET since = :since::text::xid8, until = :until::text::xid8, id = :id, last = :last WHERE name = :sink
""")
# An event that came back with a dump may be there already.
ADD_DELIVERIES = Statement("""
    INSERT INTO delivery (sink, event_id, sample_id)
    SELECT :sink, event.id, event.sample_id
      FROM unnest(:ids::bigint[], :samples::bigint[]) WITH ORDINALITY AS event (id, sample_id, place)
     ORDER BY event.place ON CONFLICT DO NOTHING
""")


def _due(attempts: str, most: str) -> str:
    """Part of a statement: the first due events, of each sample the oldest alone. Later events of the sample wait."""
    return f"""
        SELECT d.place, d.event_id FROM delivery d
         WHERE d.sink = :sink AND d.dead_time IS NULL AND d.not_before <= :now AND d.attempts {attempts}
           AND NOT EXISTS (
            SELECT FROM delivery earlier
             WHERE earlier.sink = d.sink AND earlier.sample_id = d.sample_id AND earlier.place < d.place
               AND earlier.dead_time IS NULL)
         ORDER BY d.place LIMIT {most} FOR UPDATE OF d SKIP LOCKED
    """


# An event may be forgotten while a sink moves the event into its deliveries. Nothing is left to deliver then.
TAKE = Statement(f"""
    WITH
    -- Events that the receiver did not take are the oldest. Without a bound, enough of them would keep all others out.
    again AS MATERIALIZED ({_due("> 0", ":again")}),
    fresh AS MATERIALIZED ({_due("= 0", ":most - (SELECT count(*) FROM again)")}),
    due AS (SELECT * FROM again UNION ALL SELECT * FROM fresh),
    forgotten AS (
        DELETE FROM delivery d USING due
         WHERE d.place = due.place AND (SELECT o.id FROM outbox o WHERE o.id = due.event_id) IS NULL
    )
    UPDATE delivery d SET not_before = :until FROM due, outbox o
     WHERE d.place = due.place AND o.id = d.event_id RETURNING {EVENT.sql}
""")
GIVE_BACK = Statement("""
    UPDATE delivery SET not_before = :now WHERE sink = :sink AND event_id = ANY (:ids::bigint[]) AND dead_time IS NULL
""")
LIST_DEAD = Statement(f"""
    SELECT {DEAD.sql} FROM delivery d JOIN outbox o ON o.id = d.event_id
     WHERE d.dead_time IS NOT NULL ORDER BY o.id, d.sink LIMIT :most
""")


async def take(
    db: Connection, sink: Reader, most: int, again: int | None = None, *, lease: Millis, now: Millis
) -> list[Event]:
    """Take up to `most` due events, at most one of each sample, and among them up to `again` that were tried before.

    Nobody else gets the events until the lease ends. Where fewer events are due, the sink reads on in the feed first.
    """
    again = most if again is None else again
    taken = await _take(db, sink, most, again, lease=lease, now=now)
    while len(taken) < most and await _read_on(db, sink):
        left = again - sum(event.is_again for event in taken)
        taken += await _take(db, sink, most - len(taken), left, lease=lease, now=now)
    return taken


async def _take(
    db: Connection, sink: Reader, most: int, again: int, *, lease: Millis, now: Millis
) -> list[Event]:
    rows = await TAKE.rows(db, sink=sink.name, most=most, again=min(again, most), until=now + lease, now=now)
    return sorted([EVENT.read(row) for row in rows], key=lambda event: event.id)


async def _read_on(db: Connection, sink: Reader) -> bool:
    """Move the next events of the feed into the deliveries of the sink. Whether there may be more to take now."""
    async with db.transaction():
        row = await LOCK_SINK.row(db, sink=sink.name)
        if row is None:
            added = await ADD_SINK.run(db, sink=sink.name)
            return added.endswith("1")
        place = _place(*row)
        events, behind = await feed.read(db, place, READ_AT_ONCE)
        wanted = [event for event in events if event.kind in sink.kinds]
        await ADD_DELIVERIES.run(
            db,
            sink=sink.name,
            ids=[event.id for event in wanted],
            samples=[event.sample_id for event in wanted],
        )
        if behind != place:
            values = {"since": str(behind.since), "until": str(behind.until)}
            await MOVE_SINK.run(db, sink=sink.name, **values, id=behind.id, last=behind.last)
    return behind != place


async def that_miss_events(db: Connection, sinks: Collection[str]) -> list[str]:
    """The sinks before whose place events were forgotten unread: nobody will deliver these events.

    A sink that has read nothing yet begins with what there is, and misses nothing.
    """
    known = await feed.look(db)
    places = {name: _place(*place) for name, *place in await PLACES.rows(db, sinks=list(sinks))}
    return [
        name
        for name, place in places.items()
        if place != feed.BEGINNING and known.has_forgotten_behind(place)
    ]


def _place(since: str, until: str, id_: int, last: int) -> Place:
    return Place(int(since), int(until), id_, last)


async def give_back(db: Connection, sink: str, events: Collection[Event], *, now: Millis) -> None:
    """Let others take events that are not delivered."""
    await GIVE_BACK.run(db, sink=sink, ids=[event.id for event in events], now=now)


async def note_published(db: Connection, sink: str, event: Event) -> None:
    await PUBLISHED.run(db, sink=sink, id=event.id)


async def note_failure(
    db: Connection, sink: str, event: Event, reason: str, *, attempts: int, answered: bool, now: Millis
) -> bool:
    """Plan the next attempt, or give the event up after `attempts`. Whether the event was given up.

    An event that nobody `answered` is never given up: the receiver is away, and the event is not to blame.
    """
    longest = LONGEST_PAUSE if answered else LONGEST_SILENCE
    pause = min(FIRST_PAUSE << min(event.attempts, 20), longest)
    gives_up = answered and event.attempts + 1 >= attempts
    dead_time = now if gives_up else None
    await FAILED.run(db, sink=sink, id=event.id, not_before=now + pause, reason=reason, dead_time=dead_time)
    return gives_up


async def list_dead(db: Connection, most: int) -> list[DeadLetter]:
    return [DEAD.read(row) for row in await LIST_DEAD.rows(db, most=most)]


async def revive(db: Connection, event_id: int | None, sink: str | None) -> int:
    """Try the dead letters of an event and of a sink again; of all events and all sinks for None. Answers how many."""
    done = await db.execute(REVIVE, event_id, sink)
    return int(done.split()[-1])
