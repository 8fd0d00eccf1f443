"""Settings for queries that are planned for their values."""

import asyncio

import pytest

from samplebank.database import Connection, Database
from samplebank.database.planning import planned, reading

IS_ASLEEP = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep')"


async def test_settings_within_a_transaction_end_with_the_block(db: Connection) -> None:
    before = await db.fetchval("SHOW statement_timeout")

    async with planned(db, "statement_timeout = 250"):
        within = await db.fetchval("SHOW statement_timeout")

    assert (within, await db.fetchval("SHOW statement_timeout")) == ("250ms", before)


async def test_a_failure_within_a_block_leaves_the_transaction_usable(db: Connection) -> None:
    with pytest.raises(ZeroDivisionError):
        async with planned(db):
            raise ZeroDivisionError

    assert await db.fetchval("SELECT 1") == 1


async def test_a_transaction_that_is_given_up_while_it_begins_does_not_stay_open(database: Database) -> None:
    async with database.connection() as db, database.connection() as other:
        pid = db.get_server_pid()

        async def read() -> None:
            async with reading(db, "jit = off; SELECT pg_sleep(600)"):
                pass

        task = asyncio.create_task(read())
        while not await other.fetchval(IS_ASLEEP, pid):
            pass
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert task.cancelled()
        assert await db.fetchval("SELECT 1") == 1
        assert not db.is_in_transaction()
