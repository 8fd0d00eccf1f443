"""Hunts with the real worker: rules of all kinds, files that end a process, workers that die."""

import asyncio
import hashlib
import os
import secrets
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hunts.hunting import begun, found_in, hits, mark, marked, now, rules_for
from kit.bank import CHIEF, Bank, Sample, eventually, later
from kit.service import PROGRAM, Service
from samplebank.database import Database
from samplebank.worker.client import ServiceClient
from samplebank.worker.contract import JSON
from samplebank.worker.hunting import scanners
from samplebank.worker.hunting.batch import HEADER, BatchAssignment, HuntReference, Wanted, written
from samplebank.worker.hunting.messages import Bounds, Found, Piece, Scanned, decoded_reply, encoded
from samplebank.worker.hunting.scanners import Scanner, Scanners
from worker.working import NoAnalysers, working

#: a rule that takes for ever for files with the text "slow"
FOR_EVER = "for all i in (0..100000000) : ( for all j in (0..100000000) : ( i + j >= 0 ) )"
SLOW = f'rule slow {{ strings: $a = "slow" condition: $a and {FOR_EVER} }}'
QUICK = Bounds(scan_seconds=3, sample_seconds=1)


@pytest.fixture
def hunting(bank: Bank) -> Iterator[None]:
    """A worker for hunts."""
    with working(bank.url, bank.keys[CHIEF], NoAnalysers(), hunts=True, parallel=2):
        yield


@contextmanager
def running_worker(bank: Bank, service: Service) -> "Iterator[subprocess.Popen[bytes]]":
    """A worker in a separate process, for hunts only."""
    worker = subprocess.Popen(
        [*PROGRAM, "worker", "run", "hunt", "--parallel", "1"],
        env={**service.environment, "SAMPLEBANK_URL": bank.url, "SAMPLEBANK_KEY": bank.keys[CHIEF]},
        start_new_session=True,
    )
    try:
        yield worker
    finally:
        worker.terminate()
        worker.wait(30)


def done(bank: Bank, hunt: dict[str, Any], user: str = "mia") -> dict[str, Any]:
    assert eventually(lambda: now(bank, hunt, user)["state"] == "done"), now(bank, hunt, user)
    return now(bank, hunt, user)


@pytest.mark.usefixtures("hunting")
def test_a_hunt_finds_the_samples_that_the_rules_match(bank: Bank) -> None:
    since, wanted = later(time.time_ns() // 1_000_000), mark()
    found = [marked(bank, wanted) for _ in range(2)]
    marked(bank, mark())
    low, high = rules_for(wanted, "low", 10), rules_for(wanted, "high", 90)

    hunt = begun(bank, f"{low}\n{high}", since=since)

    ended = done(bank, hunt)
    first, second = hits(bank, hunt)
    assert (ended["samples"], ended["scanned"], ended["unscanned"], ended["hits"]) == (3, 3, 0, 2)
    assert [hit["sha256"] for hit in (first, second)] == [sample.sha256 for sample in reversed(found)]
    assert [(match["rule"], match["score"]) for match in first["matches"]] == [("high", 90), ("low", 10)]
    (pattern,) = first["matches"][0]["patterns"]
    assert (pattern["name"], pattern["offsets"], pattern["text"]) == ("$a", [200], wanted)


@pytest.mark.usefixtures("hunting")
def test_rules_may_ask_for_the_type_of_a_file(bank: Bank) -> None:
    since = later(time.time_ns() // 1_000_000)
    script = Sample(data=b"#!/bin/sh\necho " + secrets.token_hex(400).encode() + b"\n")
    bank.submit(script)
    known = eventually(lambda: bank.data(bank.get(f"{script.path}/classification")))
    kind = known[0]["type"].upper()
    marked(bank, mark())

    hunt = begun(bank, f'rule scripts {{ condition: filetype == "{kind}" }}', since=since)

    assert done(bank, hunt)["scanned"] == 2
    assert found_in(bank, hunt) == [script.sha256]


@pytest.mark.usefixtures("hunting")
def test_a_damaged_sample_is_told_and_the_others_are_scanned(bank: Bank, service: Service) -> None:
    since, wanted = later(time.time_ns() // 1_000_000), mark()
    whole, damaged = marked(bank, wanted), marked(bank, wanted)
    (file,) = service.blobs.rglob(f"*{damaged.sha256}*")
    file.write_bytes(b"other bytes")

    hunt = begun(bank, rules_for(wanted), since=since)

    ended = done(bank, hunt)
    assert (ended["scanned"], ended["unscanned"], found_in(bank, hunt)) == (1, 1, [whole.sha256])
    assert ended["message"] == f"The stored bytes of {damaged.sha256} are damaged."


async def test_a_piece_that_ends_its_process_costs_itself_only(tmp_path: Path) -> None:
    file = tmp_path / "batch"
    file.write_bytes(b"one mark two")
    pieces = [Piece(0, 4), Piece(4, 4), Piece(1 << 60, 1 << 62), Piece(4, 8)]
    # a piece that no memory holds
    scanner = Scanner(rules_for("mark"), sandbox_required=True)

    scanned = await scanner.scan(file, pieces)

    await scanner.sandbox.close()
    assert sorted(found.piece for found in scanned.found) == [1, 3]
    assert isinstance(scanned, Scanned)


@pytest.mark.parametrize("value", [msgspec.msgpack.Ext(5, b""), {None: 1}], ids=["extension", "odd name"])
def test_an_answer_of_a_scan_that_no_json_can_tell_is_refused(value: object) -> None:
    """The worker tells the hits to the service as JSON, and would end."""
    with pytest.raises(msgspec.MsgspecError):
        decoded_reply(encoded(Scanned(1, [Found(0, [{"rule": value}])])))


async def test_a_killed_worker_loses_nothing_and_counts_nothing_twice(
    bank: Bank, service: Service, database: Database
) -> None:
    since, wanted = later(time.time_ns() // 1_000_000), mark()
    samples = [marked(bank, wanted, "quinn") for _ in range(60)]
    hunt = begun(bank, rules_for(wanted), "quinn", since=since)

    with running_worker(bank, service) as worker:
        assert eventually(lambda: now(bank, hunt, "quinn")["state"] != "enqueued")
        os.killpg(worker.pid, signal.SIGKILL)
    async with database.connection() as db:
        await db.execute("UPDATE hunt_batch SET lease_until = 1 WHERE hunt_id = $1::uuid", hunt["id"])
    with running_worker(bank, service):
        ended = done(bank, hunt, "quinn")

    assert (ended["scanned"], ended["unscanned"], ended["hits"]) == (len(samples), 0, len(samples))
    assert len(found_in(bank, hunt, "quinn")) == len(samples)


@pytest.mark.usefixtures("hunting")
def test_rules_that_match_everything_are_told_within_bounds(bank: Bank) -> None:
    since = later(time.time_ns() // 1_000_000)
    rules = "\n".join(
        f"rule r{n} {{ strings: $a = {{ {n:02x} }} $b = /[\\x00-\\xff]{{1,4}}/ condition: any of them }}"
        for n in range(100)
    )
    sample = Sample(20_000)
    bank.submit(sample)

    hunt = begun(bank, rules, since=since)

    done(bank, hunt)
    (hit,) = hits(bank, hunt)
    assert len(hit["matches"]) == 20
    assert sum(len(match["patterns"]) for match in hit["matches"]) == 40


async def test_rules_that_take_for_ever_cost_a_sample_its_time_only(tmp_path: Path) -> None:
    file = tmp_path / "batch"
    file.write_bytes(b"slow quick")
    scanner = Scanner(f"{SLOW}\n{rules_for('quick')}", sandbox_required=True, bounds=QUICK)

    scanned = await scanner.scan(file, [Piece(0, 4), Piece(5, 5)])

    await scanner.sandbox.close()
    assert [found.piece for found in scanned.found] == [1]
    assert [(one.piece, one.reason) for one in scanned.failures] == [
        (0, "The scan took longer than 1 seconds.")
    ]


async def test_a_scan_ends_with_its_time_and_tells_how_far_it_came(tmp_path: Path) -> None:
    file = tmp_path / "batch"
    file.write_bytes(b"slow")
    pieces = [Piece(0, 4)] * 60
    scanner = Scanner(SLOW, sandbox_required=True, bounds=QUICK)

    scanned = await scanner.scan(file, pieces, seconds=4)
    again = await scanner.scan(file, pieces[scanned.done :], seconds=0)

    await scanner.sandbox.close()
    assert 0 < scanned.done < len(pieces)
    assert [one.piece for one in scanned.failures] == list(range(scanned.done))
    # one piece is scanned at least, and little more is fetched for the next turn
    assert (again.done, scanner.share) == (1, 2)


async def test_a_hunt_that_was_slow_fetches_more_again_when_it_is_quick(tmp_path: Path) -> None:
    file = tmp_path / "batch"
    file.write_bytes(b"slowquick")
    scanner = Scanner(SLOW, sandbox_required=True, bounds=QUICK)
    await scanner.scan(file, [Piece(0, 4), Piece(0, 4)], seconds=0)
    slow = scanner.share

    await scanner.scan(file, [Piece(4, 5)] * slow, seconds=60)

    await scanner.sandbox.close()
    assert (slow, scanner.share) == (2, 4)


async def test_a_turn_reads_no_more_of_a_stream_than_it_scans(tmp_path: Path) -> None:
    texts = [b"one", b"two", b"three"]
    samples = [Wanted(hashlib.sha256(text).hexdigest(), len(text)) for text in texts]
    batch = BatchAssignment(
        hunt=HuntReference("hunt"), number=1, lease_token="", rules="", samples=samples, seconds=20
    )

    async def stream() -> AsyncIterator[bytes]:
        for text in texts[:2]:
            yield len(text).to_bytes(HEADER, "big") + text

    contents = await written(batch, stream(), tmp_path / "batch", most=2)

    assert (contents.read, contents.places, (tmp_path / "batch").read_bytes()) == (2, [0, 1], b"onetwo")


@pytest.mark.parametrize(("seconds", "told"), [(20, [1, 1, None]), (0, [None])], ids=["turns", "whole"])
def test_a_batch_is_worked_off_in_turns_where_the_service_knows_turns(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, seconds: int, told: list[int | None]
) -> None:
    since, wanted = later(time.time_ns() // 1_000_000), mark()
    samples = [marked(bank, wanted) for _ in range(3)]
    claim, end, bodies = ServiceClient.claim_batch, ServiceClient.end_batch, []

    async def claiming(client: ServiceClient, *workers: Any, **fields: Any) -> BatchAssignment | None:
        batch = await claim(client, *workers, **fields)
        return batch and msgspec.structs.replace(batch, seconds=seconds)

    async def ending(client: ServiceClient, batch: BatchAssignment, result: Mapping[str, JSON]) -> None:
        bodies.append(result.get("lookedAt"))
        await end(client, batch, result)

    monkeypatch.setattr(scanners, "MOST_FETCHED", 1)
    monkeypatch.setattr(ServiceClient, "claim_batch", claiming)
    monkeypatch.setattr(ServiceClient, "end_batch", ending)
    hunt = begun(bank, rules_for(wanted), since=since)

    with working(bank.url, bank.keys[CHIEF], NoAnalysers(), hunts=True, parallel=1):
        ended = done(bank, hunt)

    assert (ended["scanned"], ended["hits"], bodies) == (3, 3, told)
    assert found_in(bank, hunt) == [sample.sha256 for sample in reversed(samples)]


def test_a_slow_hunt_lets_the_hunts_of_others_go_on(bank: Bank) -> None:
    since = later(time.time_ns() // 1_000_000)
    for _ in range(4):
        marked(bank, "slow", "quinn")
    slow = begun(bank, SLOW, "quinn", since=since)

    with working(bank.url, bank.keys[CHIEF], NoAnalysers(), hunts=True, parallel=1):
        assert eventually(lambda: now(bank, slow, "quinn")["state"] == "executing")
        marked(bank, "any", "hana")
        other = begun(bank, rules_for("any"), "hana", since=since)
        assert eventually(lambda: now(bank, other, "hana")["state"] == "done", 90)

    told = now(bank, slow, "quinn")
    assert (told["state"], told["scanned"]) == ("executing", 0)
    assert told["unscanned"] in (1, 2)
    assert told["message"] == "The scan took longer than 10 seconds."


async def test_scanners_that_two_tasks_close_at_once_are_closed_once(tmp_path: Path) -> None:
    scanners, path = Scanners(sandbox_required=False), tmp_path / "samples"
    path.write_bytes(b"text0")
    async with scanners.scanner(rules_for("text0")) as one, scanners.scanner(rules_for("text1")) as other:
        for scanner in (one, other):
            await scanner.scan(path, [Piece(0, 5)])

    await asyncio.gather(scanners.close_idle(), scanners.close_idle())

    async with scanners.scanner(rules_for("text0")) as again:
        found = await again.scan(path, [Piece(0, 5)])
    await scanners.close_idle()
    assert len(found.found) == 1
