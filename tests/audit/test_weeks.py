"""The weeks of the ledger: made ahead, and dropped as a whole."""

import asyncpg
import pytest
from bench.databases import connected

from kit.databases import migrated_database
from kit.service import Service
from samplebank.audit import weeks
from samplebank.audit.model import OPERATOR, Entry, Kind
from samplebank.audit.recording import record
from samplebank.audit.weeks import AHEAD, WEEK
from samplebank.database import Connection, connect

ACTIONS = "SELECT action FROM audit ORDER BY time"


async def write(db: Connection, time: int, action: str) -> None:
    await record(db, Entry(time, Kind.ACCESS, action, OPERATOR))


async def test_the_first_start_has_weeks_for_two_months(service: Service) -> None:
    async with migrated_database(service) as url, connected(url) as db:
        now = 1000 * await db.fetchval("SELECT extract(epoch FROM now())::bigint")

        made = await weeks.weeks_made(db)

    assert {now // WEEK + ahead for ahead in range(AHEAD)} <= set(made)


async def test_weeks_are_made_ahead_of_the_present(db: Connection) -> None:
    later = 5000 * WEEK

    await weeks.make_weeks(db, now=later)

    assert set(range(5000, 5000 + AHEAD + 1)) <= set(await weeks.weeks_made(db))
    assert (await weeks.reach(db)).end == (5000 + AHEAD + 1) * WEEK


async def test_an_entry_of_no_week_is_kept_beside_the_weeks(db: Connection) -> None:
    before = (await weeks.reach(db)).others
    await write(db, 6000 * WEEK, "late")
    await weeks.make_weeks(db, now=6000 * WEEK)

    await write(db, 6000 * WEEK + 1, "later")

    assert (await weeks.reach(db)).others == before + 2
    kept = await db.fetch("SELECT action FROM audit WHERE action IN ('late', 'later') ORDER BY time DESC")
    assert [row[0] for row in kept] == ["later", "late"]


async def test_a_week_goes_when_each_of_its_entries_is_too_old(service: Service) -> None:
    async with migrated_database(service) as url, connected(url) as db:
        first, *_ = await weeks.weeks_made(db)
        for week in (first, first + 1):
            await write(db, week * WEEK, str(week))
        async with db.transaction():
            too_early = await weeks.drop_next(db, before=(first + 1) * WEEK - 1)
        async with db.transaction():
            dropped = await weeks.drop_next(db, before=(first + 1) * WEEK)
        left = [row[0] for row in await db.fetch(ACTIONS)]

    assert (too_early, dropped) == (None, first)
    assert left == [str(first + 1)]


async def test_entries_beside_the_weeks_go_when_the_newest_is_too_old(service: Service) -> None:
    async with migrated_database(service) as url, connected(url) as db:
        for time in (1, 5):
            await write(db, time, str(time))
        async with db.transaction():
            too_early = await weeks.drop_others(db, before=5)
        async with db.transaction():
            dropped = await weeks.drop_others(db, before=6)
        left = await db.fetch(ACTIONS)
        await write(db, 7, "later")

    assert (too_early, dropped, left) == (False, True, [])


async def test_a_reader_of_the_ledger_delays_a_drop_and_nobody_else(service: Service) -> None:
    async with migrated_database(service) as url:
        database = await connect(url, most=3)
        async with database.transaction(read_only=True) as reader, database.connection() as db:
            await reader.fetch(ACTIONS)
            first, *_ = await weeks.weeks_made(db)
            async with db.transaction():
                dropped = await weeks.drop_next(db, before=(first + 2) * WEEK)
            await write(db, first * WEEK, "meanwhile")
        await database.close()

    assert dropped is None


async def test_a_week_cannot_be_emptied(db: Connection) -> None:
    first, *_ = await weeks.weeks_made(db)

    with pytest.raises(asyncpg.RaiseError, match="takes new entries only"):
        await db.execute(f"TRUNCATE audit_week_{first}")
