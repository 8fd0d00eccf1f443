"""What ails the database is told to the caller in a sentence: a full disk is no fault of the service."""

import asyncio
import os
import signal
from contextlib import ExitStack

import pytest

from kit.bank import PATIENCE
from samplebank.database import Database
from samplebank.database.snapshots import snapshot
from samplebank.errors import Unavailable
from samplebank.http.turns import LATER, Within

RAISE = "DO $$ BEGIN RAISE EXCEPTION 'staged' USING ERRCODE = '{}'; END $$"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        pytest.param("53100", "The disk of the database is full", id="disk full"),
        pytest.param("53200", "has no memory left", id="out of memory"),
        pytest.param("53300", "cannot be reached", id="too many connections"),
        pytest.param("53400", "lacks resources", id="a limit of the configuration"),
        pytest.param("25006", "takes no changes", id="read-only"),
        pytest.param("57P01", "cannot be reached", id="shutdown by an administrator"),
        pytest.param("57P03", "cannot be reached", id="recovery"),
        pytest.param("57014", "told to end its work", id="cancelled"),
        pytest.param("58030", "cannot use its files", id="error of the disk"),
        pytest.param("40P01", "Too many changes met at once", id="deadlock"),
    ],
)
async def test_an_ailing_database_is_unavailable_in_words_that_name_the_ail(
    database: Database, code: str, said: str
) -> None:
    with pytest.raises(Unavailable, match=said):
        async with database.connection() as db:
            await db.execute(RAISE.format(code))


async def test_a_mistake_of_the_service_is_not_blamed_on_the_database(database: Database) -> None:
    with pytest.raises(Exception, match="staged") as raised:
        async with database.connection() as db:
            await db.execute(RAISE.format("42601"))

    assert not isinstance(raised.value, Unavailable)


async def ask_a_server_that_stands_still(database: Database, stack: ExitStack) -> None:
    """Ask a server that goes on at the end of the stack."""
    async with asyncio.timeout(PATIENCE), snapshot(database, Within(0.1, LATER)) as db:
        server = await db.fetchval("SELECT pg_backend_pid()")
        os.kill(server, signal.SIGSTOP)
        stack.callback(os.kill, server, signal.SIGCONT)
        await db.fetchval("SELECT 1")


async def test_who_reads_does_not_wait_for_a_server_that_stands_still(database: Database) -> None:
    with ExitStack() as stack, pytest.raises(Unavailable, match=LATER):
        await ask_a_server_that_stands_still(database, stack)
