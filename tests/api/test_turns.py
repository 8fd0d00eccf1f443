"""The expensive requests of one user do not slow down the requests of all others."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from kit.locks import PATIENCE, nobody_behind, session_behind
from samplebank.database import Connection, Database
from samplebank.errors import TooMany, Unavailable
from samplebank.http.seats import Seats
from samplebank.http.turns import EACH, ClientGone, Searches, Turns, Within, while_connected

MIA, PAT = 1, 2
LOCK = f"SELECT pg_advisory_xact_lock({0x7E57_0001})"


async def hold(turns: Turns, user: int, end: asyncio.Event) -> None:
    async with turns.turn(user):
        await end.wait()


async def begin(number: int, turns: Turns, user: int, end: asyncio.Event) -> "list[asyncio.Task[None]]":
    begun = [asyncio.create_task(hold(turns, user, end)) for _ in range(number)]
    await asyncio.sleep(0)
    return begun


@pytest.fixture
async def holder(database: Database) -> AsyncIterator[Connection]:
    """A session that holds the lock, so that whoever takes the lock waits."""
    async with database.transaction() as db:
        await db.execute(LOCK)
        yield db


async def test_a_further_request_of_a_user_waits_until_one_ends() -> None:
    turns, end = Turns(most=10), asyncio.Event()
    begun = await begin(EACH, turns, MIA, end)

    waiting = asyncio.create_task(hold(turns, MIA, end))
    await asyncio.sleep(0)
    was_done = waiting.done()
    end.set()

    assert not was_done
    await asyncio.gather(*begun, waiting)


async def test_where_one_goes_at_a_time_others_go_before_the_second_of_the_same_user() -> None:
    turns, order = Turns(1, each=1), []

    async def go(user: int) -> None:
        async with turns.turn(user):
            order.append(user)
            await asyncio.sleep(0)

    await asyncio.gather(*map(go, [MIA, MIA, MIA, PAT]))

    assert order == [MIA, PAT, MIA, MIA]


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


async def test_what_takes_too_long_ends_in_the_database_as_well(
    database: Database, holder: Connection
) -> None:
    with pytest.raises(Unavailable, match="ask for less"), Within(0.1):
        async with database.connection() as db:
            await db.execute(LOCK, timeout=PATIENCE)

    await nobody_behind(database, holder)


async def test_what_nobody_waits_for_ends_in_the_database_as_well(
    database: Database, holder: Connection
) -> None:
    async def gone() -> None:
        await session_behind(database, holder)

    with pytest.raises(ClientGone):
        async with while_connected(gone), database.connection() as db:
            await db.execute(LOCK, timeout=PATIENCE)

    await nobody_behind(database, holder)


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


# -- searches that take long


class Staged:
    """Searches that last until told. Says which searches have begun, in order."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self._begins = asyncio.Event()
        self._ends: dict[str, asyncio.Event] = {}
        self._given_up: dict[str, asyncio.Event] = {}

    async def search(self, name: str) -> str:
        self.begun.append(name)
        self._begins.set()
        try:
            await self._ends.setdefault(name, asyncio.Event()).wait()
        except asyncio.CancelledError:
            self._given_up.setdefault(name, asyncio.Event()).set()
            raise
        return name

    def end(self, name: str) -> None:
        self._ends.setdefault(name, asyncio.Event()).set()

    async def until(self, *begun: str) -> None:
        async with asyncio.timeout(60):
            while self.begun != list(begun):
                self._begins.clear()
                await self._begins.wait()

    async def given_up(self, name: str) -> None:
        """Wait until the search has been given up, to be begun again with a seat."""
        await self._given_up.setdefault(name, asyncio.Event()).wait()

    def ask(self, searches: Searches, user: int, name: str) -> "asyncio.Task[str]":
        return asyncio.create_task(searches.run(user, lambda: self.search(name)))


def searches_of(folder: Path, seats: int = 1, **settings: float) -> Searches:
    """The searches of a process of a service in `folder`."""
    return Searches(4, Seats(folder, seats), **{"free": 0.01, **settings})


async def test_a_short_search_needs_no_seat(tmp_path: Path) -> None:
    staged = Staged()
    long = staged.ask(searches_of(tmp_path), MIA, "long")
    await staged.until("long", "long")

    staged.end("short")
    found = await searches_of(tmp_path, free=60).run(PAT, lambda: staged.search("short"))

    assert (found, long.done()) == ("short", False)
    staged.end("long")
    await long


async def test_a_long_search_is_begun_again_with_a_seat(tmp_path: Path) -> None:
    staged, searches = Staged(), searches_of(tmp_path)

    asked = staged.ask(searches, MIA, "long")
    await staged.until("long", "long")
    staged.end("long")

    assert await asked == "long"


async def test_long_searches_of_all_processes_share_the_seats(tmp_path: Path) -> None:
    staged, one, other = Staged(), searches_of(tmp_path), searches_of(tmp_path)
    first = staged.ask(one, MIA, "first")
    await staged.until("first", "first")

    second = staged.ask(other, PAT, "second")
    await staged.until("first", "first", "second")
    with pytest.raises(Unavailable):
        await searches_of(tmp_path, patience=0.01).run(3, lambda: staged.search("third"))
    staged.end("first")
    await staged.until("first", "first", "second", "third", "second")
    staged.end("second")

    assert list(await asyncio.gather(first, second)) == ["first", "second"]


async def test_a_further_search_of_whoever_has_a_long_search_waits_for_a_seat_at_once(tmp_path: Path) -> None:
    staged, searches = Staged(), searches_of(tmp_path)
    first = staged.ask(searches, MIA, "first")
    await staged.until("first", "first")

    second = staged.ask(searches, MIA, "second")
    other = staged.ask(searches_of(tmp_path, free=60), PAT, "other")
    await staged.until("first", "first", "other")
    staged.end("first")
    await staged.until("first", "first", "other", "second")
    for name in ("second", "other"):
        staged.end(name)

    assert list(await asyncio.gather(first, second, other)) == ["first", "second", "other"]


async def test_long_searches_of_others_pass_those_that_a_user_has_waiting(tmp_path: Path) -> None:
    staged, searches = Staged(), searches_of(tmp_path, seats=1)
    asked = [staged.ask(searches, MIA, "m1")]
    await staged.until("m1", "m1")
    asked.append(staged.ask(searches, MIA, "m2"))

    asked.append(staged.ask(searches, PAT, "p1"))
    await staged.until("m1", "m1", "p1")
    await staged.given_up("p1")
    staged.end("m1")
    await staged.until("m1", "m1", "p1", "p1")
    for name in ("p1", "m2"):
        staged.end(name)

    assert await asyncio.gather(*asked) == ["m1", "m2", "p1"]


async def test_the_seat_of_whoever_stops_waiting_is_free(tmp_path: Path) -> None:
    staged, searches = Staged(), searches_of(tmp_path)
    gone = staged.ask(searches, MIA, "gone")
    await staged.until("gone", "gone")

    gone.cancel()
    with suppress(asyncio.CancelledError):
        await gone
    next_ = staged.ask(searches, PAT, "next")
    await staged.until("gone", "gone", "next", "next")
    staged.end("next")

    assert await next_ == "next"


async def test_whoever_searches_most_of_the_time_waits_for_a_seat_however_short_each_search_is(
    tmp_path: Path,
) -> None:
    staged = Staged()
    long = staged.ask(searches_of(tmp_path), PAT, "long")
    await staged.until("long", "long")
    searches = searches_of(tmp_path, free=60, allowed=0)
    for name in ("first", "second", "other"):
        staged.end(name)

    await searches.run(MIA, lambda: staged.search("first"))
    second = staged.ask(searches, MIA, "second")
    await searches.run(3, lambda: staged.search("other"))

    assert staged.begun == ["long", "long", "first", "other"]
    staged.end("long")
    await asyncio.gather(long, second)


async def test_an_error_of_a_search_is_no_reason_to_search_again(tmp_path: Path) -> None:
    begun = []

    async def fail() -> None:
        begun.append("search")
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await searches_of(tmp_path, free=60).run(MIA, fail)

    assert begun == ["search"]


def test_seats_that_nobody_takes_need_no_memory(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        Seats(tmp_path, 10_000)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 100_000
