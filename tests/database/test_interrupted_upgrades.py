"""An upgrade of the schema ends with the process that began the upgrade."""

import asyncio
import signal
import sys

import pytest
from bench.databases import connected

from kit.databases import own_database
from kit.service import Service
from samplebank.database import Connection

UPGRADE = "import sys; from samplebank.database.migrations import upgrade; upgrade(sys.argv[1])"
#: whoever makes the same table waits for the end of the transaction
HELD = "CREATE TABLE alembic_version (version_num varchar(32))"
OTHERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
WAITING = f"{OTHERS} AND wait_event_type = 'Lock'"
TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"


async def _until(db: Connection, query: str, number: int) -> None:
    async with asyncio.timeout(120):
        while await db.fetchval(query) != number:  # noqa: ASYNC110 the server is another process
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
async def test_an_upgrade_that_is_stopped_changes_nothing_afterwards(
    service: Service, number: signal.Signals
) -> None:
    async with own_database(service) as url, connected(url) as holder, connected(url) as db:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute(HELD)
        command = [sys.executable, "-c", UPGRADE, url]
        upgrading = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
        await _until(db, WAITING, 1)
        upgrading.send_signal(number)
        await upgrading.wait()
        await transaction.rollback()
        await holder.close()

        await _until(db, OTHERS, 0)

        assert await db.fetchval(TABLES) == 0
