"""Connections are lent again and again, in order, and never in a state that somebody left behind."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from bench.databases import connected

from kit.databases import own_database
from kit.service import Service
from samplebank.database import Connection, Database, connect, lending
from samplebank.database.embedded import BINARIES
from samplebank.database.rounds import Names, on_behalf
from samplebank.errors import NotFound, Unavailable

WHO = "SELECT pg_backend_pid()"


@pytest.fixture
async def two(service: Service) -> AsyncIterator[Database]:
    """A database with two connections at most."""
    database = await connect(service.database_url, most=2)
    yield database
    await database.close()


@pytest.fixture
async def nowhere() -> AsyncIterator[Database]:
    """A database that is away."""
    database = await connect("postgresql://samplebank@127.0.0.1:1/samplebank", least=0)
    yield database
    await database.close()


def end_backend(service: Service, pid: int) -> None:
    """The server ends a session while the event loop is busy, and so notices nothing."""
    order = f"SELECT pg_terminate_backend({pid}, 5000)"
    subprocess.run(
        [str(BINARIES / "psql"), service.database_url, "-Atqc", order], check=True, stdout=subprocess.DEVNULL
    )


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while True:
            if is_so():
                return
            await asyncio.sleep(0.01)


async def backend(database: Database) -> int:
    async with database.connection() as db:
        found: int = await db.fetchval(WHO)
    return found


async def test_the_last_connection_given_back_is_lent_first(two: Database) -> None:
    first = await backend(two)

    assert [await backend(two) for _ in range(3)] == [first, first, first]


async def test_no_more_than_the_most_are_lent_at_once(two: Database) -> None:
    found = await asyncio.gather(*(backend(two) for _ in range(20)))

    assert len(set(found)) <= 2


async def test_who_waits_longest_gets_the_next_connection(two: Database) -> None:
    served: list[int] = []
    both_are_lent, give_back = asyncio.Barrier(3), asyncio.Event()

    async def hold() -> None:
        async with two.connection():
            await both_are_lent.wait()
            await give_back.wait()

    async def wait(place: int) -> None:
        async with two.connection():
            served.append(place)

    holders = [asyncio.create_task(hold()) for _ in range(2)]
    await both_are_lent.wait()
    waiters = [asyncio.create_task(wait(place)) for place in range(5)]
    await asyncio.sleep(0)
    give_back.set()
    await asyncio.gather(*holders, *waiters)

    assert served == [0, 1, 2, 3, 4]


async def test_customers_and_users_take_turns_at_connections(two: Database) -> None:
    served: list[str] = []
    both_are_lent, give_back = asyncio.Barrier(3), asyncio.Event()

    async def hold() -> None:
        async with two.connection():
            await both_are_lent.wait()
            await give_back.wait()

    async def wait(name: str, names: Names) -> None:
        on_behalf.set(names)
        async with two.connection():
            served.append(name)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(2):
            tasks.create_task(hold())
        await both_are_lent.wait()
        for place in range(3):
            tasks.create_task(wait(f"flood {place}", (1, 11)))
        tasks.create_task(wait("colleague", (1, 12)))
        tasks.create_task(wait("other customer", (2, 21)))
        await until(lambda: two.waiting == 5)
        give_back.set()

    assert served == ["flood 0", "other customer", "colleague", "flood 1", "flood 2"]


async def test_a_transaction_that_is_left_open_is_not_lent_on(two: Database) -> None:
    async with two.connection() as db:
        await db.execute("BEGIN")
        await db.execute("CREATE TABLE left_behind ()")

    async with two.connection() as db:
        assert await db.fetchval("SELECT to_regclass('left_behind')") is None
        assert not db.is_in_transaction()


async def test_a_query_that_is_given_up_does_not_reach_the_next_one(two: Database) -> None:
    async def ask() -> None:
        async with two.connection() as db:
            await db.execute("SELECT pg_sleep(60)")

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ask(), 0.2)

    assert len(await asyncio.gather(*(backend(two) for _ in range(4)))) == 4


async def test_a_refusal_keeps_the_connection(two: Database) -> None:
    first = await backend(two)
    with pytest.raises(NotFound):
        async with two.connection():
            raise NotFound("There is nothing.")

    assert await backend(two) == first


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("53100", "disk of the database is full"),
        ("53200", "no memory left"),
        ("53000", "lacks resources"),
        ("25006", "takes no changes"),
        ("58030", "cannot use its files"),
    ],
)
async def test_a_database_in_need_is_unavailable_and_says_what_it_lacks(
    two: Database, code: str, said: str
) -> None:
    with pytest.raises(Unavailable, match=said):
        async with two.connection() as db:
            await db.execute(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{code}'; END $$")

    assert await backend(two)


async def test_a_connection_that_was_lost_is_replaced(two: Database, database: Database) -> None:
    first = await backend(two)
    async with database.connection() as other:
        await other.execute("SELECT pg_terminate_backend($1, 5000)", first)

    with suppress(Unavailable):  # the first to ask may be the one who notices
        await backend(two)

    assert await backend(two) != first


@pytest.mark.parametrize("turns", range(6))
async def test_a_connection_that_ended_while_it_lay_idle_is_unavailable_once(
    service: Service, turns: int
) -> None:
    one = await connect(service.database_url, most=1)
    first = await backend(one)
    # the loop stands still, as a busy loop does, and then takes a turn that notices the end
    end_backend(service, first)
    for _ in range(turns):
        await asyncio.sleep(0)

    with suppress(Unavailable):
        await backend(one)

    assert await backend(one) != first
    await one.close()


async def test_where_one_connection_is_lost_no_other_lets_a_second_one_down(
    service: Service, two: Database
) -> None:
    lost = await asyncio.gather(backend(two), backend(two))
    for pid in set(lost):
        end_backend(service, pid)
    with suppress(Unavailable):
        await backend(two)

    found = await asyncio.gather(backend(two), backend(two))

    assert not set(found) & set(lost)


async def test_who_is_told_to_stop_while_the_connection_goes_stops(two: Database) -> None:
    works = asyncio.Event()

    async def work() -> None:
        async with two.transaction() as db:
            connections.append(db)
            works.set()
            await db.execute("SELECT pg_sleep(60)")

    connections: list[Connection] = []
    working = asyncio.create_task(work())
    await works.wait()
    working.cancel()
    connections[0].terminate()

    with pytest.raises(asyncio.CancelledError):
        await working


async def test_who_is_told_to_stop_stops_even_where_the_database_is_away(nowhere: Database) -> None:
    works = asyncio.Event()

    async def work() -> None:
        try:
            works.set()
            await asyncio.Event().wait()
        finally:
            async with nowhere.connection():
                pass

    working = asyncio.create_task(work())
    await works.wait()
    working.cancel()

    with pytest.raises(asyncio.CancelledError):
        await working


async def test_who_is_told_to_stop_while_waiting_for_a_connection_stops(two: Database) -> None:
    async with two.connection():
        async with two.connection():
            waiting = asyncio.create_task(backend(two))
            await until(lambda: two.waiting == 1)
        waiting.cancel()

        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_a_transaction_begins_where_a_statement_was_given_up_between_its_plan_and_its_rows(
    two: Database,
) -> None:
    with suppress(asyncio.CancelledError):
        async with two.connection() as db:
            await db.prepare("SELECT count(*) FROM sample")
            raise asyncio.CancelledError
    await until(lambda: two.lent == 0)

    async with two.transaction(read_only=True) as db:
        assert await db.fetchval("SELECT 1") == 1


async def test_connections_that_nobody_uses_are_given_back(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lending, "IDLE", 0.05)
    database = await connect(service.database_url, most=4)
    async with database.connection(), database.connection(), database.connection():
        assert database.held == 3

    await until(lambda: database.held == 0)

    assert await backend(database)
    await database.close()


@asynccontextmanager
async def limited(service: Service, connections: int) -> AsyncIterator[Database]:
    """A pool whose account may have so many connections, fewer than the pool would like."""
    async with own_database(service) as url, connected(service.database_url) as admin:
        name = url.partition("/postgres@/")[2].partition("?")[0]
        await admin.execute(f"CREATE ROLE {name} LOGIN CONNECTION LIMIT {connections}")
        database = await connect(url.replace("postgres@", f"{name}@"), most=8)
        try:
            yield database
        finally:
            await database.close()
            await admin.execute(f"DROP ROLE {name}")


async def test_when_the_server_takes_no_more_connections_an_own_one_is_waited_for(service: Service) -> None:
    async with limited(service, 2) as database:
        found = await asyncio.gather(*(backend(database) for _ in range(8)))

    assert len(set(found)) <= 2


async def test_one_that_comes_free_while_the_server_refuses_another_one_is_taken(service: Service) -> None:
    async with limited(service, 1) as database:
        first = await backend(database)
        async with database.connection():
            other = asyncio.create_task(backend(database))
            await asyncio.sleep(0)  # the server has been asked, and has not answered yet

        found = await other

    assert found == first
