"""First pages of every list and search in every order, and deep pages; beside each page a bare select of the same rows."""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from bench import clients, limits, load
from bench.databases import connected
from bench.figure import Figure, Limit, Surroundings
from bench.questions import NEWEST, Kind, Question, deep, page_before, questions
from bench.service import Service
from bench.tenants import Tenants
from bench.wire import Wire

ADMINISTRATOR, READER = "administrator", "reader of one customer"
LIST_CLIENTS = 8
LIST_GOAL, LIST_SHARE = 2000.0, 0.4
GROWTH_GOAL = 1.5
#: repetitions of a bare select; the first are not measured
BARE_TIMES, BARE_FIRST = 12, 2
SAMPLE = """
    SELECT s.*, c.*, v.*, u.* FROM {} s
      LEFT JOIN classification c ON c.id = s.classification_id
      LEFT JOIN verdict v ON v.id = s.verdict_id,
           LATERAL (SELECT min(observed_time), max(observed_time), min(submitted_time), max(submitted_time)
                      FROM submission WHERE sample_id = s.id) u
"""
#: the rows of an answer by the ids in the answer, with the columns of the answer
SELECTS: dict[Kind, str] = {
    "sample": SAMPLE.format("sample") + "WHERE s.sha256 = ANY($1)",
    "submission": "SELECT u.*, s.sha256 FROM submission u JOIN sample s ON s.id = u.sample_id WHERE u.id = ANY($1)",
    "job": "SELECT j.*, s.sha256, s.size FROM job j JOIN sample s ON s.id = j.sample_id WHERE j.id = ANY($1)",
}
NEWEST_SAMPLES = SAMPLE.format("(SELECT * FROM sample ORDER BY created_time DESC, id DESC LIMIT 25)")


def measure(service: Service, tenants: Tenants, size: int, *, quick: bool) -> list[Figure]:
    """Measure the p95 of every page with one client, and the list of samples with several."""
    latest = asyncio.run(_latest(service.database_url))
    asked = list(questions(latest, quick=quick))
    deeply = [*asked, *deep(asyncio.run(_cursors(service, service.key)))]
    reading = [*asked, *deep(asyncio.run(_cursors(service, tenants.one_key)))]
    rounds, runs = (12, 1) if quick else (40, 3)
    return [
        *_latencies(service, service.key, deeply, ADMINISTRATOR, size=size, rounds=rounds, runs=runs),
        *_latencies(service, tenants.one_key, reading, READER, size=size, rounds=rounds, runs=runs),
        _list_rate(service, size, 0.5 if quick else 1.0, 2 if quick else 3),
    ]


def _latencies(
    service: Service,
    key: str,
    asked: Sequence[Question],
    caller: str,
    *,
    size: int,
    rounds: int,
    runs: int,
) -> list[Figure]:
    work = [(question.request, rounds) for question in asked]
    with Surroundings(service.processes) as around:
        found = [
            load.run(clients.p95_of_each, service.target(key), [work], processes=1).latencies
            for _ in range(runs)
        ]
    bare = asyncio.run(_bare(service, key, asked))
    return [
        around.mark(
            Figure(
                question.name,
                "ms",
                [1000 * values[place] for values in found],
                question.goal,
                less=True,
                limit=Limit("bare select of the same rows", bare[place]),
                size=size,
                caller=caller,
                note=question.way,
            )
        )
        for place, question in enumerate(asked)
    ]


async def _bare(service: Service, key: str, asked: Sequence[Question]) -> list[float]:
    """The p95 in milliseconds of selecting the rows of each answer by their ids, by asyncpg alone."""
    wire = await Wire.open("127.0.0.1", service.port, key)
    found = []
    async with connected(service.database_url) as db:
        for question in asked:
            status, answer = await wire.ask(*question.request)
            rows = json.loads(answer)["data"] if status == clients.OK else []
            taken = []
            for _ in range(BARE_TIMES):
                began = time.perf_counter()
                await db.fetch(SELECTS[question.kind], [_id(question.kind, row) for row in rows])
                taken.append(time.perf_counter() - began)
            found.append(1000 * clients.p95(taken[BARE_FIRST:]))
    wire.close()
    return found


def _id(kind: Kind, row: dict[str, Any]) -> bytes | UUID:
    return bytes.fromhex(row["sha256"]) if kind == "sample" else UUID(row["id"])


def _list_rate(service: Service, size: int, seconds: float, runs: int) -> Figure:
    request = next(q.request for q in questions(0, quick=True) if q.way == "list")
    with Surroundings(service.processes) as around:
        rates = [
            load.run(clients.ask_again, service.target(), [[request]] * LIST_CLIENTS, seconds=seconds).rate
            for _ in range(runs)
        ]
    alone = limits.selects(service.database_url, NEWEST_SAMPLES, [()], seconds, connections=LIST_CLIENTS)
    limit = Limit("asyncpg alone, the same rows", alone)
    goal = max(LIST_GOAL, LIST_SHARE * alone)
    name = f"sample list, {LIST_CLIENTS} clients"
    return around.mark(Figure(name, "/s", rates, goal, limit=limit, size=size))


async def _latest(url: str) -> int:
    async with connected(url) as db:
        latest: int = await db.fetchval("SELECT max(enqueued_time) FROM job")
    return latest


async def _cursors(service: Service, key: str) -> dict[Kind, str]:
    """The cursors of the deep pages; no cursor of a shorter list."""
    wire = await Wire.open("127.0.0.1", service.port, key)
    answers = {kind: json.loads(clients.expect(200, await wire.ask(*page_before(kind)))) for kind in NEWEST}
    wire.close()
    return {
        kind: answer["metaData"]["next"] for kind, answer in answers.items() if answer["metaData"].get("next")
    }


def summary(figures: Sequence[Figure]) -> Iterator[Figure]:
    """The slowest list and search of each caller at the largest size, and the page that grows most."""
    pages = [figure for figure in figures if figure.caller]
    largest = max((figure.size for figure in pages), default=0)
    for caller in dict.fromkeys(figure.caller for figure in pages):
        for way in ("list", "search"):
            some = [f for f in pages if (f.caller, f.note) == (caller, way)]
            at_end = [f for f in some if f.size == largest]
            slowest = max(at_end, key=lambda figure: figure.median)
            over = sum(not f.reached for f in at_end)
            yield Figure(
                f"slowest {way}, {caller}: p95",
                "ms",
                slowest.values,
                slowest.goal,
                less=True,
                limit=slowest.limit,
                size=0,
                note=f"{slowest.name}; {over} of {len(at_end)} miss the goal at {largest:,} samples",
            )
            yield from _most_grown(some, f"largest growth of a {way}, {caller}")


def _most_grown(pages: Sequence[Figure], name: str) -> Iterator[Figure]:
    series: dict[str, list[Figure]] = {}
    for figure in sorted(pages, key=lambda figure: figure.size):
        series.setdefault(figure.name, []).append(figure)
    grown = [(found[-1].median / found[0].median, found) for found in series.values() if len(found) > 1]
    if not grown:
        return
    times, found = max(grown, key=lambda one: one[0])
    over = sum(ratio > GROWTH_GOAL for ratio, _ in grown)
    said = (
        f"{found[0].size:,} -> {found[-1].size:,} samples: {found[0].median:.1f} -> {found[-1].median:.1f} ms"
    )
    note = f"{found[0].name}, {said}; {over} of {len(grown)} miss the goal"
    yield Figure(name, "times", [times], GROWTH_GOAL, less=True, note=note)
