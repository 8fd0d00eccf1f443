"""Lists, fetches and searches on a filled database, at every size that a run fills in."""

import asyncio
import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from bench import clients, limits, load, static_answers
from bench import vocabulary as words
from bench.clients import V2
from bench.databases import connected
from bench.figure import Figure, Limit, Surroundings
from bench.service import Service
from bench.tenants import Tenants
from bench.wire import Wire

WEEK = 7 * 86_400_000
Request = tuple[str, str, bytes]


# the rows behind a question, before the service makes an answer of the rows
NEWEST = "SELECT * FROM job ORDER BY enqueued_time DESC, id DESC LIMIT 25"
ONE = "SELECT * FROM job WHERE id = $1"
OF_WEEK = """
    SELECT * FROM job WHERE customer_id = $1 AND state = 'done' AND enqueued_time BETWEEN $2 AND $3
     ORDER BY enqueued_time DESC, id DESC LIMIT 25
"""


class Rows(msgspec.Struct, frozen=True):
    """A statement, and the values to ask with in turn."""

    statement: str
    values: list[tuple[Any, ...]]


class Question(msgspec.Struct, frozen=True):
    """Requests of one kind, sent in turn. `goal` is for the p95 in milliseconds at the largest size."""

    name: str
    requests: list[Request]
    goal: float
    #: the user of one customer asks, instead of the administrator
    by_one: bool = False
    #: if given, the throughput is measured and compared with static answers of the same size, and with a read of the rows
    rows: Rows | None = None


def measure(
    service: Service, tenants: Tenants, size: int, seconds: float, runs: int, *, largest: bool
) -> list[Figure]:
    """Measure the p95 of each question with one client, and the throughput of the questions about jobs with 16 clients."""
    figures = []
    for question in asyncio.run(_questions(service, tenants)):
        figures.append(
            _latency(service, tenants, question, size=size, seconds=seconds, runs=runs, largest=largest)
        )
        if question.rows is not None:
            figures.append(
                _rate(
                    service, question, question.rows, size=size, seconds=seconds, runs=runs, largest=largest
                )
            )
    return figures


def _latency(
    service: Service,
    tenants: Tenants,
    question: Question,
    *,
    size: int,
    seconds: float,
    runs: int,
    largest: bool,
) -> Figure:
    target = service.target(tenants.one_key if question.by_one else "")
    with Surroundings(service.processes) as around:
        load.run(clients.ask_each, target, [question.requests], seconds=seconds / 2, processes=1)
        outcomes = [
            load.run(clients.ask_each, target, [question.requests], seconds=seconds, processes=1)
            for _ in range(runs)
        ]
    values = [outcome.percentile(95) for outcome in outcomes]
    note = f"p50 {min(outcome.median_ms for outcome in outcomes):.1f} ms"
    goal = question.goal if largest else None
    figure = Figure(f"{question.name}: p95", "ms", values, goal, less=True, note=note, size=size)
    return around.mark(figure)


def _rate(
    service: Service,
    question: Question,
    rows: Rows,
    *,
    size: int,
    seconds: float,
    runs: int,
    largest: bool,
) -> Figure:
    work = [question.requests[n:] + question.requests[:n] for n in range(16)]
    with Surroundings(service.processes) as around:
        rates = [
            load.run(clients.ask_each, service.target(), work, seconds=seconds).rate for _ in range(runs)
        ]
    limit, floor = _bare(service, asyncio.run(_size_of(service, question.requests[0])), seconds)
    goal = 0.4 * limit.value if largest else None
    alone = limits.selects(service.database_url, rows.statement, rows.values, seconds)
    note = (
        f"bare app with SELECT 1: {floor:,.0f}/s, {100 * floor / limit.value:.0f} %; "
        f"asyncpg alone, the same rows: {alone:,.0f}/s"
    )
    name = f"{question.name}, 16 clients"
    return around.mark(Figure(name, "/s", rates, goal, limit=limit, note=note, size=size))


def _bare(service: Service, size: int, seconds: float) -> tuple[Limit, float]:
    """Answers per second of a bare application on the same server, of the same size: static answers, and answers with SELECT 1."""
    with static_answers.serving(2, service.database_url) as target:
        rates = [
            load.run(clients.ask_again, target, [[("GET", path, b"")]] * 16, seconds=seconds).rate
            for path in (f"/{size}", f"/asked/{size}")
        ]
    return Limit(f"static answers of {size / 1024:.1f} KiB", rates[0]), rates[1]


async def _size_of(service: Service, request: Request) -> int:
    wire = await Wire.open("127.0.0.1", service.port, service.key)
    answer = await wire.ask(*request)
    wire.close()
    return len(clients.expect(200, answer))


async def _questions(service: Service, tenants: Tenants) -> list[Question]:
    async with connected(service.database_url) as db:
        # 97 is a prime, so that the rows come from all parts of the table
        jobs = await db.fetch(
            "SELECT j.id, encode(s.sha256, 'hex') FROM job j JOIN sample s ON s.id = j.sample_id"
            " WHERE s.id % 97 = 3 LIMIT 200"
        )
        name = await db.fetchval("SELECT file_name FROM submission OFFSET 5000 LIMIT 1")
        latest = await db.fetchval("SELECT max(enqueued_time) FROM job")
    return [*_of_jobs(jobs, tenants, latest), *_of_samples(jobs, name)]


def _of_jobs(jobs: Sequence[Any], tenants: Tenants, latest: int) -> Iterator[Question]:
    chance = random.Random(1)  # noqa: S311 the same customers in each run
    customers = [chance.choice(tenants.customers) for _ in range(100)]
    newest, each = Rows(NEWEST, [()]), Rows(ONE, [(job,) for job, _ in jobs])
    yield Question("job list, newest", [("GET", f"{V2}/job?limit=25", b"")], 5, rows=newest)
    yield Question("job fetch", [("GET", f"{V2}/job/{job}", b"") for job, _ in jobs], 5, rows=each)
    week = {"state": ["done"], "startTimestamp": latest - WEEK, "endTimestamp": latest}
    searches = [_search("job", **week, customer=[customer]) for customer in customers]
    of_week = Rows(OF_WEEK, [(customer, latest - WEEK, latest) for customer in customers])
    yield Question("job search by state, week and customer", searches, 5, rows=of_week)
    yield Question("job search by sample", [_search("job", sampleSha256=[sha256]) for _, sha256 in jobs], 5)
    yield Question("job list, newest, one customer", [("GET", f"{V2}/job?limit=25", b"")], 60, by_one=True)


def _of_samples(jobs: Sequence[Any], name: str) -> Iterator[Question]:
    everything = {"indexStartTimestamp": 0}
    yield Question(
        "sample by hash", [_search("sample", **everything, sha256=[sha256]) for _, sha256 in jobs], 20
    )
    common = [_search("sample", **everything, keywords=[words.RARE_STEM])]
    yield Question("sample by file name, 1 % match", common, 60)
    few = [_search("sample", **everything, keywords=[words.FEW_STEM])]
    yield Question("sample by file name, 100 match", few, 60)
    one_row = [_search("sample", **everything, keywords=[name])]
    yield Question("sample by file name, one matches", one_row, 20)
    none = [_search("sample", **everything, keywords=["qqzzxxjj"])]
    yield Question("sample by file name, none matches", none, 20)
    path = {"metaData": [{"path": "sensor", "value": ["dmz-7"]}]}
    yield Question("sample by metadata path", [_search("sample", **everything, submission=[path])], 60)
    few_path = {"metaData": [{"path": "sensor", "value": [words.FEW_SENSOR]}]}
    few = [_search("sample", **everything, submission=[few_path])]
    yield Question("sample by metadata path, 100 match", few, 60)
    verdict = {"minimumScore": 90, "tags": [{"type": "family", "value": "qakbot"}]}
    yield Question(
        "sample by verdict score and tag", [_search("sample", **everything, verdict=[verdict])], 60
    )
    nested = [
        {"required": True, "keywords": [words.RARE_STEM]},
        {"exclude": True, "verdict": [{"minimumScore": 50}]},
    ]
    yield Question("sample by sub-criteria", [_search("sample", **everything, subCriteria=nested)], 60)
    yield Question("one customer: sample by file name, 1 % match", common, 60, by_one=True)
    mine = [_search("sample", **everything, submission=[path])]
    yield Question("one customer: sample by metadata path", mine, 60, by_one=True)


def _search(kind: str, **wanted: Any) -> Request:
    return "POST", f"{V2}/{kind}/search", json.dumps({"limit": 25, **wanted}).encode()


def growth(figures: Sequence[Figure]) -> list[Figure]:
    """How many times slower each question is at the largest size than at the smallest size, by p95."""
    found = []
    for name in dict.fromkeys(f.name for f in figures if f.size and f.unit == "ms" and not f.caller):
        series = sorted((f for f in figures if f.name == name and f.size), key=lambda f: f.size)
        small, large = series[0], series[-1]
        if small.size == large.size:
            continue
        note = f"{small.size:,} -> {large.size:,} samples: {small.median:.1f} -> {large.median:.1f} ms"
        ratios = [value / small.median for value in large.values]
        found.append(Figure(f"growth of {name}", "times", ratios, 1.5, less=True, note=note))
    return found
