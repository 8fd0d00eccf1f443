"""The outbox has parts by ranges of ids: parts come before they are needed, and go as a whole."""

from collections.abc import AsyncIterator
from typing import cast

import pytest
from bench.databases import connected

from events.reading import READER, add, read_on
from kit.databases import migrate, migrated_database, own_database
from kit.interleaving import Interrupted
from kit.service import Service
from samplebank.database import Connection, Database, open_database
from samplebank.events import feed, outbox, parts
from samplebank.events.feed import BEGINNING

#: milliseconds that events are kept in the tests, and the time
RETENTION, NOW = 8_000, 1_000_000
LIST = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'outbox'::regclass"
MOVE_ON = "SELECT setval('outbox_ids', $1)"


@pytest.fixture
async def database(service: Service) -> AsyncIterator[Database]:
    async with migrated_database(service) as url, open_database(url, most=4) as database:
        yield database


@pytest.fixture
async def db(database: Database) -> AsyncIterator[Connection]:
    async with database.connection() as db:
        yield db


async def add_ahead(db: Connection, now: int = NOW) -> parts.Part | None:
    async with db.transaction():
        return await parts.add_ahead(db, RETENTION, now=now)


async def drop_old(db: Connection, before: int) -> parts.Dropped | None:
    async with db.transaction():
        return await parts.drop_old(db, before)


async def full(db: Connection, moment: int) -> tuple[list[int], parts.Part]:
    """The ids of two events in the first part, of that moment and the next, and the second part. Further ids go there."""
    ids = [await add(db, moment=moment), await add(db, moment=moment + 1)]
    second = await add_ahead(db)
    assert second is not None
    await db.execute(MOVE_ON, second.until - 100)
    return ids, second


async def names(db: Connection) -> set[str]:
    return {row[0] for row in await db.fetch(LIST)}


async def test_the_feed_goes_on_from_part_to_part(db: Connection) -> None:
    ids, _ = await full(db, moment=1)
    ids += [await add(db, moment=3), await add(db, moment=4)]

    read, _ = await read_on(db, BEGINNING, 4, most=3)

    assert read == ids


async def test_a_part_is_added_while_there_is_a_part_for_the_next_event(db: Connection) -> None:
    await add(db)

    first, again = await add_ahead(db), await add_ahead(db)

    assert first is not None
    assert again is None
    assert await names(db) == {"outbox_first", first.name, "outbox_rest"}


async def test_a_part_is_as_large_as_an_eighth_of_the_retention_needs(db: Connection) -> None:
    ids, second = await full(db, moment=NOW)
    await db.execute(MOVE_ON, parts.SMALLEST + ids[-1])
    await add(db, moment=NOW)
    await db.execute(MOVE_ON, second.until - 1)

    third = await add_ahead(db, now=NOW + RETENTION // parts.PARTS // 3)

    assert third is not None
    assert third.until - second.until > 2.9 * (second.until - parts.SMALLEST - ids[-1])


async def test_a_part_goes_when_its_last_event_is_too_old(db: Connection) -> None:
    ids, _ = await full(db, moment=1)
    kept = await add(db, moment=2)

    early, dropped, again = [await drop_old(db, before) for before in (2, 3, 3)]

    assert (early, again) == (None, None)
    assert dropped is not None
    assert dropped.part.name == "outbox_first"
    assert dropped.part.name not in await names(db)
    assert (await read_on(db, BEGINNING, 1))[0] == [kept]
    assert (await feed.look(db)).forgotten_id == ids[-1]


async def test_the_part_that_takes_events_stays_however_old_its_events_are(db: Connection) -> None:
    await add(db, moment=1)

    assert await drop_old(db, before=NOW) is None
    assert not await parts.is_dropped_soon(db, RETENTION)


async def test_who_reads_behind_a_dropped_part_is_told(db: Connection) -> None:
    await full(db, moment=1)
    _, first = await feed.read(db, BEGINNING, 1)
    _, end = await read_on(db, BEGINNING, 2)

    await drop_old(db, before=3)

    known = await feed.look(db)
    assert [known.has_forgotten_behind(place) for place in (BEGINNING, first, end)] == [True, True, False]


async def test_what_a_sink_has_to_deliver_goes_with_the_part(db: Connection) -> None:
    await full(db, moment=1)
    await read_on(db, BEGINNING, 2)
    assert len(await outbox.take(db, READER, 1, lease=1, now=1)) == 1

    dropped = await drop_old(db, before=3)

    assert dropped is not None
    assert dropped.sinks == [READER.name]
    assert await outbox.take(db, READER, 10, lease=1, now=100) == []


async def test_an_event_that_is_forgotten_while_a_sink_reads_holds_up_no_later_event(
    database: Database, db: Connection
) -> None:
    await add(db, moment=1)

    async def meanwhile() -> None:
        async with database.connection() as forgetter:
            assert (await feed.forget(forgetter, before=2, most=100)).events == 1

    interrupted = Interrupted(db, meanwhile, outbox.ADD_DELIVERIES)
    await outbox.take(cast("Connection", interrupted), READER, 1, lease=1, now=1)
    assert interrupted.is_over
    later = await add(db, moment=3)

    taken = [await outbox.take(db, READER, 1, lease=1, now=now) for now in (100, 200)]

    assert [event.id for events in taken for event in events][:1] == [later]
    assert await db.fetchval("SELECT count(*) FROM delivery") == 1


async def test_events_of_nearly_one_time_wait_for_the_drop_of_their_part(db: Connection) -> None:
    await full(db, moment=1)

    assert await parts.is_dropped_soon(db, RETENTION)
    assert not await parts.is_dropped_soon(db, retention=3)


async def test_an_event_that_no_part_takes_is_stored_and_goes_with_the_parts_around(db: Connection) -> None:
    await add(db, moment=1)
    await db.execute(MOVE_ON, parts.SMALLEST + 500)
    stray = await add(db, moment=2)
    second = await add_ahead(db)
    assert second is not None
    await db.execute(MOVE_ON, second.until)
    assert (await read_on(db, BEGINNING, 2))[0][-1] == stray

    dropped = [await drop_old(db, before=3), await drop_old(db, before=3)]

    assert [one and one.part.name for one in dropped] == ["outbox_first", second.name]
    assert await db.fetchval("SELECT count(*) FROM outbox") == 0


async def test_a_part_in_use_is_left_for_later(database: Database, db: Connection) -> None:
    _, second = await full(db, moment=1)
    await db.execute(MOVE_ON, second.until - 1)
    async with database.transaction() as reader:
        await reader.fetch("SELECT FROM outbox")

        for change in (drop_old(db, before=3), add_ahead(db)):
            with pytest.raises(parts.InUse):
                await change
        later = await add(db, moment=3)

    assert await drop_old(db, before=3)
    assert await add_ahead(db)
    assert (await read_on(db, BEGINNING, 1))[0] == [later]


async def test_events_of_an_earlier_release_are_the_first_part(service: Service) -> None:
    async with own_database(service) as url:
        migrate(url, "0043")
        async with connected(url) as before:
            ids = [await add(before, moment=moment) for moment in (1, 2)]
        migrate(url)
        async with connected(url) as after:
            ids.append(await add(after, moment=3))
            first = await after.fetch("SELECT id FROM outbox_first ORDER BY id")

    assert [row["id"] for row in first] == ids
    assert ids == sorted(ids)
