"""A client that asks for too much is held back, and other clients are served."""

import asyncio
import contextlib
import re
import socket
from functools import partial

import pytest
import requests
from bench.databases import connected

from kit.bank import ROBOT, V2, Bank, Sample, eventually, together
from kit.locks import Line, line_before
from kit.service import Service
from kit.visitor import Visitor
from samplebank.errors import TooMany, Unavailable
from samplebank.http.bodies import SHARE, Memory
from samplebank.http.turns import EACH

MIA, PAT = 1, 2
CLAIM = "/samplebank/v1/worker/{}/claim"


def claim(bank: Bank, worker: str, user: str) -> requests.Response:
    return bank.post(CLAIM.format(worker), {"waitSeconds": 1}, user)


def test_few_claims_of_a_user_wait_for_one_worker(guarded: Bank) -> None:
    crowded, other = guarded.workers(2)

    answers = together([partial(claim, guarded, worker, ROBOT) for worker in [crowded] * 4 + [other]])

    refused = [answer for answer in answers if answer.status_code == 429]
    assert [answer.status_code for answer in answers].count(200) == 3
    assert [answer.headers["Retry-After"] for answer in refused] == ["5", "5"]
    assert all(CLAIM.format(crowded) in answer.url for answer in refused)


async def test_a_search_that_takes_too_long_is_given_up_and_says_what_to_do(
    strict: Service, guarded: Bank
) -> None:
    async with connected(strict.database_url) as db, db.transaction():
        await db.execute("LOCK TABLE submission IN ACCESS EXCLUSIVE MODE")
        refused = guarded.post(f"{V2}/submission/search", {"fileName": ["anything"]})
    found = guarded.post(f"{V2}/submission/search", {"fileName": ["anything"]})

    assert refused.status_code == 503
    assert "ask for less" in refused.json()["messages"][0]["message"]
    assert found.status_code == 200


async def test_a_file_whose_new_look_is_refused_is_not_looked_at(strict: Service, guarded: Bank) -> None:
    *held, other = [guarded.classified() for _ in range(EACH + 1)]
    url, rows = strict.database_url, [bytes.fromhex(sample.sha256) for sample in held]
    async with connected(url) as db, connected(url) as holder, asyncio.TaskGroup() as asking:
        async with holder.transaction():
            await holder.execute("SELECT FROM sample WHERE sha256 = ANY ($1) FOR UPDATE", rows)
            for sample in held:
                asking.create_task(asyncio.to_thread(guarded.put, f"{sample.path}/reclassify", {}))
            await Line(db, holder.get_server_pid(), others=set()).reaches(EACH)
            refused = await asyncio.to_thread(guarded.put, f"{other.path}/reclassify", {})
        queue = "SELECT classification_wanted FROM sample WHERE sha256 = $1"
        is_wanted = await db.fetchval(queue, bytes.fromhex(other.sha256))

    looks = guarded.data(guarded.get(f"{other.path}/classification"))
    assert (refused.status_code, is_wanted, len(looks)) == (429, False, 1)


async def test_a_csv_of_samples_for_which_there_is_no_turn_is_refused_and_is_no_empty_file(
    strict: Service, guarded: Bank
) -> None:
    mia = Visitor(strict.url).sign_in(guarded.keys["mia"])
    head = (
        f"GET {V2}/submission?limit=0 HTTP/1.1\r\nHost: here\r\nArgus-API-Key: {guarded.keys['mia']}\r\n\r\n"
    )
    with contextlib.ExitStack() as lines:
        async with line_before(strict, "sample") as waiting:
            for _ in range(EACH):
                line = lines.enter_context(socket.create_connection(("127.0.0.1", strict.port)))
                line.sendall(head.encode())
            await waiting.reaches(EACH)
            refused = mia.get("/samples/export?format=csv&q=")

    assert (refused.status, "Too many of your dear requests" in refused.text()) == (429, True)


async def test_a_whole_list_that_nobody_waits_for_ends_in_the_database_as_well(
    strict: Service, guarded: Bank
) -> None:
    # the list reads samples, and the count of the list does not
    async with line_before(strict, "sample") as waiting:
        with socket.create_connection(("127.0.0.1", strict.port)) as line:
            head = f"GET {V2}/submission?limit=0 HTTP/1.1\r\nHost: here\r\nArgus-API-Key: {guarded.keys['mia']}\r\n\r\n"
            line.sendall(head.encode())
            await waiting.reaches(1)

        await waiting.reaches(0)


async def test_strangers_who_ask_for_the_figures_at_once_take_one_connection_of_the_database(
    strict: Service, guarded: Bank
) -> None:
    ask = b"GET /metrics HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
    async with line_before(strict, "job_tally_total") as waiting:
        lines = [socket.create_connection(("127.0.0.1", strict.port)) for _ in range(5)]
        for line in lines:
            line.sendall(ask)
        await waiting.reaches(1)
        assert guarded.get("/healthz", None).status_code == 200  # so that all have been read
        await waiting.reaches(1)

    heads = [line.makefile("rb").readline() for line in lines]
    for line in lines:
        line.close()

    assert heads == [b"HTTP/1.1 200 OK\r\n"] * 5


def test_the_log_tells_from_where_and_with_which_key_a_request_came(strict: Service, guarded: Bank) -> None:
    listed = strict.run("key", "list", "--json").stdout

    answer = guarded.get(Sample().path, "mia")

    said = rf"request={answer.headers['X-Request-ID']}.*"
    line = eventually(lambda: re.search(said, strict.log.read_text("utf-8")))  # written after the answer
    assert line is not None
    assert "client=127.0.0.1 user=mia" in line[0]
    assert line[0].rpartition("key=")[2] in listed


def test_bodies_take_room_until_their_requests_are_answered() -> None:
    memory = Memory(10, each=10)
    memory.take(6, MIA)

    with pytest.raises(Unavailable, match="try again"):
        memory.take(6, PAT)
    memory.give(6, MIA)

    memory.take(10, PAT)


def test_the_bodies_of_one_user_leave_room_to_others() -> None:
    memory = Memory(10, each=4)
    memory.take(3, MIA)

    with pytest.raises(TooMany, match="wait"):
        memory.take(2, MIA)
    memory.take(4, PAT)
    memory.give(3, MIA)

    memory.take(4, MIA)


def test_answered_requests_leave_their_room_to_others(guarded: Bank) -> None:
    body = b" " * 1_000_000
    many = range(SHARE // len(body) + 2)

    answers = {guarded.call("POST", f"{V2}/job/search", "mia", data=body).status_code for _ in many}

    assert answers == {400}
