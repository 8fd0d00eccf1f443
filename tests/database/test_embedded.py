"""The embedded server recovers in its own time. Starts wait for the server, and a start that gives up does not stop the server."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.databases import connected

from kit.bank import eventually
from samplebank.database import embedded, postmaster
from samplebank.database.account import end_of, refuse_unfit
from samplebank.database.embedded import EmbeddedServer
from samplebank.errors import Invalid, Unavailable
from samplebank.serving import start


@pytest.fixture
def recovering(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A server that takes no connections, as after a crash, until the test promotes the server."""
    server = EmbeddedServer(tmp_path / "postgres")
    with server.running():
        pass
    with (server.data / "postgresql.conf").open("a") as configuration:
        configuration.write("hot_standby = off\n")
    signal = server.data / "standby.signal"
    signal.touch()
    owner = server.data.stat()
    os.chown(signal, owner.st_uid, owner.st_gid)
    server.control("start", "-l", str(server.data / "server.log"), "-o", f"-k '{server.sockets}'")
    yield server
    if postmaster.find(server.data) is not None:
        server.control("stop", "-m", "immediate")


async def number_from(url: str, query: str = "SELECT 1") -> int:
    async with connected(url) as db:
        found: int = await db.fetchval(query)
    return found


def test_a_restarted_server_reads_the_pages_again_that_were_in_memory(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "postgres")
    with server.running() as url:
        asyncio.run(fill_pages(url))
        before = asyncio.run(pages_in_memory(url))

    with server.running() as url:
        after = eventually(lambda: asyncio.run(pages_in_memory(url)) >= before)

    assert before > 0
    assert after


async def fill_pages(url: str) -> None:
    async with connected(url) as db:
        await db.execute(
            "CREATE EXTENSION pg_buffercache; CREATE TABLE numbers AS SELECT generate_series(1, 50000) n"
        )


async def pages_in_memory(url: str) -> int:
    """The pages of the table in memory. The question reads no page of the table."""
    return await number_from(
        url, "SELECT count(*) FROM pg_buffercache WHERE relfilenode = pg_relation_filenode('numbers')"
    )


def test_a_start_waits_for_a_server_that_recovers(
    recovering: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, before, seen = threading.Event(), postmaster.find(recovering.data), list[int]()
    accepts = EmbeddedServer.accepts

    def observed(server: EmbeddedServer) -> bool:
        found = accepts(server)
        looked.set()
        return found

    def use() -> None:
        with recovering.running() as url:
            seen.append(asyncio.run(number_from(url)))
            seen.append(postmaster.find(recovering.data) or 0)

    monkeypatch.setattr(EmbeddedServer, "accepts", observed)
    using = threading.Thread(target=use)
    using.start()
    assert looked.wait(20)
    assert not seen

    recovering.control("promote")

    using.join(30)
    assert seen == [1, before]


def test_who_gives_up_waiting_leaves_the_server_alone(
    recovering: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = postmaster.find(recovering.data)
    monkeypatch.setattr(embedded, "START_SECONDS", 0)

    with pytest.raises(Unavailable, match="did not become ready"), recovering.running():
        pass

    assert before is not None
    assert postmaster.find(recovering.data) == before


async def test_a_service_is_patient_with_a_database_that_recovers(
    recovering: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "PATIENCE", 0)
    waiting = asyncio.create_task(start.await_database(recovering.url))

    await asyncio.to_thread(recovering.control, "promote")

    await asyncio.wait_for(waiting, 30)
    assert await number_from(recovering.url) == 1


async def test_a_server_that_hangs_in_its_stop_is_stopped_at_once_and_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = EmbeddedServer(tmp_path / "postgres")
    monkeypatch.setattr(embedded, "STOP_SECONDS", 1)
    with server.running() as url:
        async with connected(url) as db:  # a smart stop waits for the end of the session
            before = postmaster.find(server.data)
            assert before is not None
            os.kill(before, signal.SIGTERM)
            assert eventually(lambda: postmaster.is_stopping(server.data))

            with EmbeddedServer(server.folder).running() as again:
                after = await asyncio.to_thread(lambda: asyncio.run(number_from(again)))

            assert db.is_closed()

    assert (after, postmaster.find(server.data)) == (1, None)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("short\n", "short"),
        ("first\nsecond\nthird\n", "third"),
        ("second\nthirteenth", "thirteenth"),
        ("a" * 11, "a" * 10),
    ],
)
def test_what_a_program_said_begins_with_a_whole_line(said: str, told: str) -> None:
    assert end_of(said, 10) == told


@pytest.mark.parametrize("name", ["it's", 'a"b', "a,b", "$HOME", "`id`", "a\nb"])
def test_a_folder_whose_path_the_programs_do_not_take_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="name another data folder"):
        refuse_unfit(Path("/srv", name))


@pytest.mark.parametrize("name", ["a b", "p%41?x#y&z", "ünï", "a\\b"])
def test_a_folder_whose_path_the_programs_take_is_taken(name: str) -> None:
    refuse_unfit(Path("/srv", name))
