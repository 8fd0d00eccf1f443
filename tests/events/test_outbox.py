"""An event that a receiver refuses is given up in the end. An event that reaches no receiver is kept."""

import pytest

from events.reading import READER, add
from kit.bank import Bank
from samplebank.database import Connection
from samplebank.events import outbox
from samplebank.events.outbox import LONGEST_PAUSE, LONGEST_SILENCE, Event
from samplebank.jobs.backlog import backlog, lags

NEWEST = (
    "SELECT id, sample_id, kind, payload, created_time, 0 AS attempts FROM outbox ORDER BY id DESC LIMIT 1"
)
WEBHOOK = "webhook"
NOW = 2_000_000_000_000
#: a sample that no other test has
OF_NOBODY = 2**40


@pytest.fixture
async def event(bank: Bank, db: Connection) -> Event:
    bank.planned(*bank.workers(1))
    row = await db.fetchrow(NEWEST)
    assert row is not None
    await db.execute(
        "INSERT INTO delivery (sink, event_id, sample_id) VALUES ($1, $2, $3)",
        WEBHOOK,
        row["id"],
        row["sample_id"],
    )
    return Event(**row)


async def tried(db: Connection, event: Event, attempts: int, *, answered: bool) -> tuple[bool, int]:
    """Whether the event is given up after so many attempts out of ten, and the pause before the next one."""
    so_far = Event(event.id, event.sample_id, event.kind, event.payload, event.created_time, attempts - 1)
    gave_up = await outbox.note_failure(db, WEBHOOK, so_far, "no", attempts=10, answered=answered, now=NOW)
    return gave_up, await db.fetchval(
        "SELECT not_before - $2::bigint FROM delivery WHERE event_id = $1", event.id, NOW
    )


async def test_an_event_that_is_refused_again_and_again_is_given_up(db: Connection, event: Event) -> None:
    assert await tried(db, event, 9, answered=True) == (False, 256_000)
    assert (await tried(db, event, 10, answered=True))[0]


async def test_an_event_that_is_given_up_holds_up_no_later_event_of_its_sample(db: Connection) -> None:
    first, second = await add(db, OF_NOBODY), await add(db, OF_NOBODY)
    sink = READER._replace(name="of this test")
    await db.execute(
        "INSERT INTO delivery (sink, event_id, sample_id) SELECT $1, unnest($2::bigint[]), $3",
        sink.name,
        [first, second],
        OF_NOBODY,
    )
    (refused,) = await outbox.take(db, sink, 1, lease=0, now=NOW)
    await outbox.note_failure(db, sink.name, refused, "no", attempts=1, answered=True, now=NOW)

    (next_one,) = await outbox.take(db, sink, 1, lease=0, now=NOW)

    assert (refused.id, next_one.id) == (first, second)


async def test_events_that_are_not_taken_leave_room_for_later_events_of_other_samples(db: Connection) -> None:
    sink = READER._replace(name="with room")
    events = [await add(db, OF_NOBODY + number) for number in range(7)]
    await db.execute(
        "INSERT INTO delivery (sink, event_id, sample_id, attempts)"
        " SELECT $1, id, sample_id, CASE WHEN id <= $3 THEN 1 ELSE 0 END FROM outbox WHERE id = ANY ($2) ORDER BY id",
        sink.name,
        events,
        events[4],
    )

    taken = await outbox.take(db, sink, 4, again=2, lease=1, now=NOW)

    assert [event.id for event in taken] == [*events[:2], *events[5:]]


async def test_no_event_is_given_up_while_nobody_answers(db: Connection, event: Event) -> None:
    assert await tried(db, event, 10_000, answered=False) == (False, LONGEST_SILENCE)


async def test_a_sink_that_has_never_been_there_is_behind_by_all_events(db: Connection, event: Event) -> None:
    figures = await lags(db, ["nats"], now=event.created_time + 5_000)

    assert figures['samplebank_sink_lag_seconds{sink="nats"}'] >= 5


async def test_a_sink_that_is_no_longer_set_has_nothing_that_waits(db: Connection, event: Event) -> None:
    await db.execute("INSERT INTO sink (name, since, until, id, last) VALUES ('gone', '0', '0', 0, 0)")
    await db.execute("UPDATE delivery SET sink = 'gone' WHERE event_id = $1", event.id)
    await outbox.note_failure(db, "gone", event, "no", attempts=1, answered=True, now=NOW)

    figures = {sink: await backlog(db, [sink], now=NOW) for sink in ("gone", "set")}

    assert figures["gone"]["samplebank_events_waiting"] > 0
    assert figures["gone"]["samplebank_events_dead"] == 1
    assert figures["set"]["samplebank_events_waiting"] == 0
    assert figures["set"]["samplebank_events_dead"] == 0


async def test_pauses_do_not_grow_for_ever(db: Connection, event: Event) -> None:
    assert (await tried(db, event, 9_999, answered=True))[1] == LONGEST_PAUSE
