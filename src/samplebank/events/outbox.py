"""The outbox: events, stored in the transaction that causes the event, delivered at least once, in order per sample.

The relays of all hosts take events under a lease: an event that was taken is not due until the lease ends.
"""

from collections.abc import Collection
from typing import Any

import msgspec

from samplebank.database import Columns, Connection, Statement
from samplebank.timespec import Millis

#: milliseconds before the second attempt; each further attempt waits twice as long, up to the longest pause
FIRST_PAUSE = 1_000
LONGEST_PAUSE = 600_000
#: the longest pause while nobody answers at all, so that delivery goes on soon after the receiver is back
LONGEST_SILENCE = 60_000

PUBLISHED = "UPDATE outbox SET published_time = $2, attempts = attempts + 1, last_error = NULL WHERE id = $1"
FAILED = Statement("""
    UPDATE outbox SET attempts = attempts + 1, not_before = :not_before, last_error = :reason, dead_time = :dead_time
     WHERE id = :id
""")
# Ids grow with the times of events, except among events stored at the same time.
FORGET = """
    DELETE FROM outbox WHERE id IN (
        SELECT id FROM (SELECT id, created_time FROM outbox ORDER BY id LIMIT $2) oldest WHERE created_time < $1)
"""
REVIVE = "UPDATE outbox SET dead_time = NULL, attempts = 0, not_before = 0 WHERE dead_time IS NOT NULL AND ($1::bigint IS NULL OR id = $1)"


class Event(msgspec.Struct, frozen=True):
    """Something that happened, and how often delivery was tried."""

    id: int
    sample_id: int
    kind: str
    payload: dict[str, Any]
    created_time: Millis
    attempts: int


class DeadLetter(msgspec.Struct, frozen=True):
    """An event whose delivery was given up."""

    id: int
    kind: str
    payload: dict[str, Any]
    created_time: Millis
    attempts: int
    dead_time: Millis
    last_error: str | None


EVENT = Columns.of(Event, "o")
DEAD = Columns.of(DeadLetter, "o")
# Of each sample only the oldest event is handed out, and only when due. Later events of the sample wait.
TAKE = Statement(f"""
    WITH due AS (
        SELECT o.id FROM outbox o
         WHERE o.published_time IS NULL AND o.dead_time IS NULL AND o.not_before <= :now
           AND NOT EXISTS (
            SELECT FROM outbox earlier WHERE earlier.sample_id = o.sample_id AND earlier.id < o.id
               AND earlier.published_time IS NULL AND earlier.dead_time IS NULL)
         ORDER BY o.id LIMIT :most FOR UPDATE OF o SKIP LOCKED
    )
    UPDATE outbox o SET not_before = :until FROM due WHERE o.id = due.id RETURNING {EVENT.sql}
""")
GIVE_BACK = """
    UPDATE outbox SET not_before = $2 WHERE id = ANY ($1::bigint[]) AND published_time IS NULL AND dead_time IS NULL
"""
LIST_DEAD = Statement(f"""
    SELECT {DEAD.sql} FROM outbox o WHERE o.dead_time IS NOT NULL ORDER BY o.id LIMIT :most
""")


async def take(db: Connection, most: int, *, lease: Millis, now: Millis) -> list[Event]:
    """Take due events, at most one of each sample. Nobody else gets the events until the lease ends."""
    taken = [EVENT.read(row) for row in await TAKE.rows(db, most=most, until=now + lease, now=now)]
    return sorted(taken, key=lambda event: event.id)


async def give_back(db: Connection, events: Collection[Event], *, now: Millis) -> None:
    """Let others take events that are not delivered."""
    await db.execute(GIVE_BACK, [event.id for event in events], now)


async def note_published(db: Connection, event: Event, *, now: Millis) -> None:
    await db.execute(PUBLISHED, event.id, now)


async def note_failure(
    db: Connection, event: Event, reason: str, attempts: int, *, answered: bool, now: Millis
) -> bool:
    """Plan the next attempt, or give the event up after `attempts`. Whether the event was given up.

    An event that nobody `answered` is never given up: the receiver is away, and the event is not to blame.
    """
    longest = LONGEST_PAUSE if answered else LONGEST_SILENCE
    pause = min(FIRST_PAUSE << min(event.attempts, 20), longest)
    gives_up = answered and event.attempts + 1 >= attempts
    await FAILED.run(
        db, id=event.id, not_before=now + pause, reason=reason, dead_time=now if gives_up else None
    )
    return gives_up


async def forget(db: Connection, before: Millis, most: int) -> int:
    """Delete a batch of events that happened before `before`; answers how many."""
    done = await db.execute(FORGET, before, most)
    return int(done.split()[-1])


async def list_dead(db: Connection, most: int) -> list[DeadLetter]:
    return [DEAD.read(row) for row in await LIST_DEAD.rows(db, most=most)]


async def revive(db: Connection, event_id: int | None) -> int:
    """Try a dead letter again, or all dead letters for None; answers how many."""
    done = await db.execute(REVIVE, event_id)
    return int(done.split()[-1])
