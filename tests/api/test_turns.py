"""The expensive requests of one user do not slow down the requests of all others."""

import asyncio
from contextlib import suppress

import pytest

from samplebank.database import Database
from samplebank.errors import TooMany, Unavailable
from samplebank.http.turns import EACH, ClientGone, Turns, Within, while_connected

MIA, PAT = 1, 2
SLEEPS = "SELECT pg_sleep(60), 'of this test'"
SLEEPING = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = $1"


async def hold(turns: Turns, user: int, end: asyncio.Event) -> None:
    async with turns.turn(user):
        await end.wait()


async def begin(number: int, turns: Turns, user: int, end: asyncio.Event) -> "list[asyncio.Task[None]]":
    begun = [asyncio.create_task(hold(turns, user, end)) for _ in range(number)]
    await asyncio.sleep(0)
    return begun


async def sleeping(database: Database) -> int:
    async with database.connection() as db:
        found: int = await db.fetchval(SLEEPING, SLEEPS)
    return found


async def until(database: Database, number: int) -> None:
    while await sleeping(database) != number:
        pass


async def test_a_further_request_of_a_user_waits_until_one_ends() -> None:
    turns, end = Turns(most=10), asyncio.Event()
    begun = await begin(EACH, turns, MIA, end)

    waiting = asyncio.create_task(hold(turns, MIA, end))
    await asyncio.sleep(0)
    was_done = waiting.done()
    end.set()

    assert not was_done
    await asyncio.gather(*begun, waiting)


async def test_whoever_has_too_much_under_way_is_told_to_come_later_and_others_are_not() -> None:
    turns, end = Turns(most=10, patience=0.01), asyncio.Event()
    begun = await begin(EACH, turns, MIA, end)

    with pytest.raises(TooMany):
        await hold(turns, MIA, end)
    end.set()
    await hold(turns, PAT, end)

    await asyncio.gather(*begun)


async def test_all_users_together_leave_connections_for_everything_else() -> None:
    turns, end = Turns(most=2, patience=0.01), asyncio.Event()
    begun = await begin(2, turns, MIA, end)

    with pytest.raises(Unavailable):
        await hold(turns, PAT, end)

    end.set()
    await asyncio.gather(*begun)


async def test_what_takes_too_long_ends_in_the_database_as_well(database: Database) -> None:
    with pytest.raises(Unavailable, match="ask for less"), Within(0.1):
        async with database.connection() as db:
            await db.execute(SLEEPS)

    await asyncio.wait_for(until(database, 0), 10)


async def test_what_nobody_waits_for_ends_in_the_database_as_well(database: Database) -> None:
    async def gone() -> None:
        await until(database, 1)

    with pytest.raises(ClientGone):
        async with while_connected(gone), database.connection() as db:
            await db.execute(SLEEPS)

    await asyncio.wait_for(until(database, 0), 10)


async def test_who_is_told_to_stop_stops_even_if_the_client_stays() -> None:
    async def stays() -> None:
        await asyncio.Event().wait()

    async def work() -> None:
        async with while_connected(stays):
            await asyncio.Event().wait()

    working = asyncio.create_task(work())
    await asyncio.sleep(0)
    working.cancel()
    with suppress(asyncio.CancelledError):
        await working

    assert working.cancelled()
