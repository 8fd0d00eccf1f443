"""A reader of the feed misses no event, and gets the events of a sample in order, however transactions overlap."""

import asyncio
from collections.abc import AsyncIterator
from importlib import import_module
from pkgutil import iter_modules

import pytest

from events.reading import READER, add, read_on
from kit.databases import migrated_database
from kit.service import Service
from samplebank.database import Connection, Database, open_database
from samplebank.database.migrations import versions
from samplebank.events import feed, outbox
from samplebank.events.feed import BEGINNING, Place

BY_TRANSACTION = "SELECT id FROM outbox ORDER BY xid, id"
OTHER_SERVER = "UPDATE feed SET server = server - 1"
LATE_WRITERS = 4
TAKE_NUMBER = "SELECT pg_current_xact_id()"


@pytest.fixture(scope="module")
async def database(service: Service) -> AsyncIterator[Database]:
    async with migrated_database(service) as url, open_database(url, most=8) as database:
        yield database


@pytest.fixture
async def db(database: Database) -> AsyncIterator[Connection]:
    async with database.connection() as db:
        await db.execute("TRUNCATE outbox, delivery, sink, sample CASCADE")
        await db.execute("UPDATE feed SET forgotten_xid = NULL, forgotten_id = NULL")
        yield db


async def test_an_event_that_is_committed_after_an_event_with_a_greater_id_is_not_missed(
    database: Database, db: Connection
) -> None:
    async with database.transaction() as slow:
        lower = await add(slow)
        greater = await add(db)
        before, place = await feed.read(db, BEGINNING, 100)

    after, _ = await read_on(db, place, 2)

    assert before == []
    assert after == [lower, greater]


async def test_events_of_older_transactions_are_read_while_a_younger_one_is_open(
    database: Database, db: Connection
) -> None:
    first = await add(db)
    async with database.transaction() as slow:
        second = await add(slow)
        before, place = await read_on(db, BEGINNING, 1)

    after, _ = await read_on(db, place, 1)

    assert (before, after) == ([first], [second])


async def test_transactions_that_wait_for_a_sample_tell_its_events_in_the_order_of_the_lock(
    database: Database, db: Connection
) -> None:
    await db.execute(
        "INSERT INTO sample (sha256, size, created_time, activity_time) VALUES (sha256('a'), 1, 1, 1)"
    )
    lock = "SELECT id FROM sample FOR UPDATE"
    async with database.transaction() as waiting:
        await waiting.execute("SELECT pg_current_xact_id()")
        async with database.transaction() as holding:
            sample = await holding.fetchval(lock)
            locking = asyncio.create_task(waiting.fetchval(lock))
            first = await add(holding, sample)
        await locking
        second = await add(waiting, sample)

    ids, _ = await read_on(db, BEGINNING, 2)

    assert [row[0] for row in await db.fetch(BY_TRANSACTION)] == [second, first]
    assert ids == [first, second]


@pytest.mark.parametrize("has_read", [False, True])
async def test_the_order_of_a_sample_holds_while_a_transaction_of_something_else_is_under_way(
    database: Database, db: Connection, *, has_read: bool
) -> None:
    """The third transaction stands between the other two, so the older one alone could be told already."""
    place = BEGINNING
    if has_read:
        await add(db, sample=7)
        _, place = await read_on(db, BEGINNING, 1)
    async with database.transaction() as waiting:
        await waiting.execute(TAKE_NUMBER)
        async with database.transaction() as between:
            await between.execute(TAKE_NUMBER)
            first = await add(db, sample=1)
            second = await add(waiting, sample=1)
            await waiting.execute("COMMIT; BEGIN")
            early, place = await feed.read(db, place, 100)
            latest = await feed.end_of(db, await feed.look(db))

    ids, _ = await read_on(db, place, 2)
    from_latest, _ = await read_on(db, latest, 2)

    assert early == []
    assert ids == from_latest == [first, second]


async def test_of_samples_whose_transactions_overlap_each_is_told_in_its_order(
    database: Database, db: Connection
) -> None:
    """The middle transaction is held back for one sample, and the oldest for the other."""
    async with database.transaction() as oldest, database.transaction() as middle:
        await oldest.execute(TAKE_NUMBER)
        await middle.execute(TAKE_NUMBER)
        async with database.transaction() as between:
            await between.execute(TAKE_NUMBER)
            written = [await add(db, sample=1), await add(middle, sample=1), await add(middle, sample=2)]
            await middle.execute("COMMIT; BEGIN")
            written.append(await add(oldest, sample=2))
            await oldest.execute("COMMIT; BEGIN")
            early, place = await feed.read(db, BEGINNING, 100)

    ids, _ = await read_on(db, place, 4)

    assert early == []
    assert ids == written


async def test_a_reader_is_not_woken_for_events_that_nobody_may_read_yet(
    database: Database, db: Connection
) -> None:
    async with database.transaction() as waiting:
        await waiting.execute(TAKE_NUMBER)
        async with database.transaction() as between:
            await between.execute(TAKE_NUMBER)
            await add(db, sample=1)
            await add(waiting, sample=1)
            await waiting.execute("COMMIT; BEGIN")

            until, is_more, _ = await feed.newest(db)

    assert (until, is_more) == (0, True)


@pytest.mark.parametrize("most", [1, 2, 100])
async def test_a_reader_that_ends_between_pages_goes_on_at_its_cursor(
    database: Database, db: Connection, most: int
) -> None:
    """Writers that commit out of order, and a reader that reads a page, and begins again with the cursor of the page."""
    written: set[int] = set()
    got: list[int] = []
    place = BEGINNING
    for _ in range(3):
        async with database.transaction() as slow:
            written |= {await add(slow, sample) for sample in range(LATE_WRITERS)}
            written |= {await add(db, sample) for sample in range(LATE_WRITERS)}
            events, place = await feed.read(db, place, most)
            got += [event.id for event in events]

    rest, _ = await read_on(db, place, len(written) - len(got), most)

    assert sorted(got + rest) == sorted(written)


async def test_the_feed_knows_which_readers_missed_what_was_forgotten(db: Connection) -> None:
    ids = [await add(db, moment=moment) for moment in (1, 2, 3)]
    _, end = await read_on(db, BEGINNING, 3)
    _, second = await feed.read(db, BEGINNING, 2)
    _, first = await feed.read(db, BEGINNING, 1)

    forgotten = await feed.forget(db, before=3, most=100)

    known = await feed.look(db)
    assert forgotten.events == 2
    assert [known.has_forgotten_behind(place) for place in (BEGINNING, first, second, end)] == [
        True,
        True,
        False,
        False,
    ]
    assert (await read_on(db, BEGINNING, 1))[0] == ids[2:]


async def test_a_sink_before_whose_place_events_were_forgotten_misses_events(db: Connection) -> None:
    sinks = {name: outbox.Reader(name, READER.kinds) for name in ("new", "away", "there")}
    await outbox.take(db, sinks["new"], 1, lease=1, now=1)
    await add(db)
    _, place = await read_on(db, BEGINNING, 1)
    await outbox.take(db, sinks["away"], 10, lease=1, now=1)
    await add(db)
    await read_on(db, place, 1)
    await outbox.take(db, sinks["there"], 10, lease=1, now=1)

    await feed.forget(db, before=2, most=100)

    assert await outbox.that_miss_events(db, sinks) == ["away"]


async def test_what_a_sink_has_to_deliver_is_forgotten_with_the_event(db: Connection) -> None:
    await add(db)
    await read_on(db, BEGINNING, 1)
    assert len(await outbox.take(db, READER, 10, lease=1, now=1)) == 1

    forgotten = await feed.forget(db, before=2, most=100)

    assert forgotten.sinks == [READER.name]
    assert await outbox.take(db, READER, 10, lease=1, now=100) == []


async def test_after_a_dump_to_another_server_the_feed_begins_anew_and_the_sink_goes_on(
    database: Database, db: Connection
) -> None:
    async with database.transaction() as first_start:
        await feed.settle(first_start)
    delivered = await add(db, sample=1)
    await read_on(db, BEGINNING, 1)
    await outbox.take(db, READER, 10, lease=1000, now=1)
    await outbox.note_published(db, READER.name, outbox.Event(delivered, 1, "job", {}, 1, 0))
    undelivered, before = await add(db, sample=2), (await feed.look(db)).identity
    await db.execute(OTHER_SERVER)

    async with database.transaction() as next_start:
        await feed.settle(next_start)

    fresh = await add(db, sample=3)
    everything, _ = await read_on(db, BEGINNING, 3)
    taken = await outbox.take(db, READER, 10, lease=1000, now=1)
    assert (await feed.look(db)).identity != before
    assert [event.id for event in taken] == [undelivered, fresh]
    assert everything == [delivered, undelivered, fresh]


@pytest.mark.parametrize(("published", "expected"), [(False, [1, 2, 3, 4]), (True, [2, 4])])
async def test_a_sink_of_an_earlier_release_delivers_what_is_left(
    db: Connection, *, published: bool, expected: list[int]
) -> None:
    """With nothing published there was no sink: the first sink begins with the oldest event."""
    ids = [await add(db, sample) for sample in (1, 2, 3, 4)]
    await db.execute("UPDATE outbox SET xid = '0'")
    if published:
        await db.execute("UPDATE outbox SET published_time = 1 WHERE id = $1", ids[0])
        await db.execute("UPDATE outbox SET dead_time = 1, attempts = 9 WHERE id = $1", ids[2])

    for statement in carried_over():
        await db.execute(statement)

    taken = await outbox.take(db, READER, 10, lease=1, now=1)
    dead = await outbox.list_dead(db, 10)
    assert [event.sample_id for event in taken] == expected
    assert [(letter.id, letter.attempts) for letter in dead] == ([(ids[2], 9)] if published else [])


def carried_over() -> tuple[str, ...]:
    """The statements of the migration that move the open deliveries of the webhook."""
    (module,) = [name for _, name, _ in iter_modules(versions.__path__) if name.endswith("_feed")]
    statements: tuple[str, ...] = import_module(f"{versions.__name__}.{module}").CARRIED_OVER
    return statements


async def test_a_place_behind_the_last_transaction_is_of_a_later_time_than_the_database(
    db: Connection,
) -> None:
    await add(db)
    _, place = await read_on(db, BEGINNING, 1)
    known = await feed.look(db)

    ahead = Place(known.open_xid + 1, known.open_xid + 1)

    assert not known.is_older_than(place)
    assert known.is_older_than(ahead)
