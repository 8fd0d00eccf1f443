"""Figures on a filled database: the cost of the access rules, lists of everything, statistics."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from bench import clients, load
from bench.clients import V2
from bench.databases import connected, rows_of
from bench.figure import Figure, Limit, Surroundings
from bench.machine import MemoryWatch
from bench.service import Service
from bench.tenants import Tenants
from bench.wire import Wire

START = "now - 1 year"


def _body(**wanted: Any) -> bytes:
    return json.dumps({"limit": 25, **wanted}).encode()


#: (name, method, path, body) of questions that an administrator and a user of a customer both ask
QUESTIONS = (
    ("job list", "GET", f"{V2}/job?limit=25", b""),
    (
        "job search",
        "POST",
        f"{V2}/job/search",
        _body(state=["done"], startTimestamp="now - 1 week", sortBy=["-endTimestamp"]),
    ),
    ("sample list", "GET", f"{V2}/sample?limit=25&indexStartTimestamp=0", b""),
    ("sample search", "POST", f"{V2}/sample/search", _body(keywords=["faktura"], indexStartTimestamp=0)),
    ("submission list", "GET", f"{V2}/submission?limit=25&indexStartTimestamp=0", b""),
    (
        "submission search",
        "POST",
        f"{V2}/submission/search",
        _body(keywords=["faktura"], indexStartTimestamp=0),
    ),
)


def access_rules(service: Service, tenants: Tenants, samples: int, seconds: float, runs: int) -> list[Figure]:
    """The extra time of a question by a reader, in percent of the time of the administrator. One client."""
    figures = []
    readers = (("reader of all customers", tenants.everyone_key), ("reader of one customer", tenants.one_key))
    for name, method, path, body in QUESTIONS:
        with Surroundings(service.processes) as around:
            ask = _asker(service, (method, path, body), seconds)
            costs: dict[str, list[float]] = {reader: [] for reader, _ in readers}
            milliseconds: dict[str, list[float]] = {reader: [] for reader in ("administrator", *costs)}
            for _ in range(runs):
                base = ask(service.key)
                milliseconds["administrator"].append(base)
                for reader, key in readers:
                    took = ask(key)
                    milliseconds[reader].append(took)
                    costs[reader].append(100 * (took / base - 1))
        for reader, _ in readers:
            note = f"{min(milliseconds['administrator']):.1f} ms -> {min(milliseconds[reader]):.1f} ms at {samples:,} samples"
            figure = Figure(
                f"access rules, {name}, {reader}", "% more", costs[reader], 25, less=True, note=note
            )
            figures.append(around.mark(figure))
    return figures


def _asker(service: Service, question: tuple[str, str, bytes], seconds: float) -> Callable[[str], float]:
    def ask(key: str) -> float:
        outcome = load.run(clients.ask_again, service.target(key), [[question]], seconds=seconds, processes=1)
        return outcome.median_ms

    return ask


def whole_list(service: Service, runs: int) -> list[Figure]:
    """GET /job?limit=0: all jobs in one answer."""
    growth, first, rate, size = [], [], [], 0
    jobs = asyncio.run(rows_of(service.database_url, "job"))
    with Surroundings(service.processes) as around:
        for _ in range(runs):
            with MemoryWatch(service.processes()) as watch:
                began, ended, size = asyncio.run(_first_byte(service))
            growth.append(watch.growth_mib)
            first.append(1000 * began)
            rate.append(jobs / ended)
    name = f"limit=0 over {jobs:,} jobs"
    return [
        around.mark(
            Figure(
                f"{name}: memory growth", "MiB", growth, 32, less=True, note=f"{size / 2**20:.0f} MiB of JSON"
            )
        ),
        around.mark(Figure(f"{name}: first byte", "ms", first, 200, less=True)),
        around.mark(Figure(f"{name}: rows", "/s", rate)),
    ]


async def _first_byte(service: Service) -> tuple[float, float, int]:
    wire = await Wire.open("127.0.0.1", service.port, service.key)
    answer = await wire.ask_for_first_byte(f"{V2}/job?limit=0")
    wire.close()
    return answer


def statistics(service: Service, runs: int) -> Figure:
    """All submissions by customer and day."""
    body = json.dumps({
        "indexStartTimestamp": 0,
        "groupBy": [{"field": "customer", "limit": 1000}],
        "timeline": [{"name": "days", "field": "submittedTimestamp", "resolution": "day"}],
    }).encode()  # fmt: skip
    count = asyncio.run(rows_of(service.database_url, "submission"))
    target = service.target()
    question = [("POST", f"{V2}/submission/statistics", body)]
    with Surroundings(service.processes) as around:
        load.run(clients.ask_once, target, [question], processes=1)
        values = [
            load.run(clients.ask_once, target, [question], processes=1).latencies[0] for _ in range(runs)
        ]
    limit = Limit(
        "count(*) by customer and day in plain SQL", asyncio.run(_plain_statistics(service.database_url))
    )
    name = f"statistics over {count:,} submissions by customer and day"
    return around.mark(Figure(name, "s", values, 1.5, less=True, limit=limit))


async def _plain_statistics(url: str) -> float:
    loop = asyncio.get_running_loop()
    async with connected(url) as db:
        began = loop.time()
        await db.fetch(
            "SELECT customer_id, submitted_time / 86400000, count(*) FROM submission GROUP BY 1, 2"
        )
        return loop.time() - began
