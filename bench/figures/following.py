"""The feed: how late events reach a reader while many submit, and what readers cost who wait."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path

import httpx
import uvloop

from bench import clients, load
from bench.clients import EXTENSIONS, WrongAnswer
from bench.figure import Figure, Surroundings
from bench.figures.cycle import CLIENTS, SIZE, fresh_files
from bench.service import Service

FEED = f"{EXTENSIONS}/feed"
#: milliseconds, and percent of a core
LAG_GOAL, COST_GOAL = 100.0, 5.0
READERS, REST = 100, 5.0
STREAM = {"Accept": "text/event-stream"}
PATIENCE = 30.0


def measure(parent: Path, port: int | None, count: int, seconds: float, runs: int) -> list[Figure]:
    """Measure the lag of a stream behind 16 clients that submit, and the processor time of 100 streams without events."""
    with Service(parent, port, {"SAMPLEBANK_FEED_READERS": str(READERS)}) as service:
        service.start()
        time.sleep(REST)
        cost = _cost(service, seconds, runs)
        return [*_lags(service, count, runs), cost]


def _lags(service: Service, count: int, runs: int) -> list[Figure]:
    median = Figure("lag of the feed, 16 clients submit: p50", "ms", [])
    last = Figure("lag of the feed, 16 clients submit: p99", "ms", [], LAG_GOAL, less=True)
    with Surroundings(service.processes) as around:
        for _ in range(runs):
            with _reading(service) as lags:
                load.run_off(clients.ingest_in_one_call, service.target(), fresh_files(count, SIZE, CLIENTS))
                _await_events(lags, 2 * count)
            ordered = sorted(lags)
            median.values.append(ordered[len(ordered) // 2])
            last.values.append(ordered[len(ordered) * 99 // 100])
    median.note = last.note = "from the time of the event to the reader of a stream"
    return [around.mark(median), around.mark(last)]


@contextmanager
def _reading(service: Service) -> Iterator[list[float]]:
    """The milliseconds that each event took to a stream, as far as events have come."""
    lags: list[float] = []
    ready, end = threading.Event(), threading.Event()
    reader = threading.Thread(target=lambda: uvloop.run(_read(service, lags, ready, end)), daemon=True)
    reader.start()
    if not ready.wait(PATIENCE):
        raise WrongAnswer("The feed did not begin.")
    try:
        yield lags
    finally:
        end.set()
        reader.join(PATIENCE)


async def _read(service: Service, lags: list[float], ready: threading.Event, end: threading.Event) -> None:
    async with _stream(service) as lines:
        ready.set()
        async for line in lines:
            if line.startswith("data:") and (text := line[5:].strip()):
                happened = datetime.fromisoformat(json.loads(text)["time"])
                lags.append(1000 * (time.time() - happened.timestamp()))
            if end.is_set():
                return


@asynccontextmanager
async def _stream(service: Service) -> AsyncIterator[AsyncIterator[str]]:
    """The lines of a stream of what happens from now on."""
    headers = {**STREAM, "Argus-API-Key": service.key}
    async with (
        httpx.AsyncClient(timeout=PATIENCE) as client,
        client.stream("GET", f"{service.url}{FEED}?after=latest", headers=headers) as answer,
    ):
        if not answer.is_success:
            raise WrongAnswer(f"The feed answered {answer.status_code}.")
        yield answer.aiter_lines()


def _await_events(lags: list[float], number: int) -> None:
    """Wait for the events of the submissions. Without workers, a job may not be opened, so the first event of each is enough."""
    end = time.monotonic() + PATIENCE
    while len(lags) < number // 2:
        if time.monotonic() > end:
            raise WrongAnswer(f"{len(lags)} events of {number // 2} submissions came.")
        time.sleep(0.05)


def _cost(service: Service, seconds: float, runs: int) -> Figure:
    figure = Figure(f"{READERS} streams of the feed without events", "% of a core", [], COST_GOAL, less=True)
    for _ in range(runs):
        before = _spent(service, seconds)
        figure.values.append(max(0.0, 100 * (uvloop.run(_waiting(service, seconds)) - before) / seconds))
    figure.note = "beyond the idle service"
    return figure


async def _waiting(service: Service, seconds: float) -> float:
    """Processor seconds of the service while streams wait."""
    async with httpx.AsyncClient(timeout=PATIENCE, limits=httpx.Limits(max_connections=READERS)) as client:
        headers = {**STREAM, "Argus-API-Key": service.key}
        asked = [
            client.build_request("GET", f"{service.url}{FEED}?after=latest", headers=headers)
            for _ in range(READERS)
        ]
        answers = await asyncio.gather(*(client.send(request, stream=True) for request in asked))
        if not all(answer.is_success for answer in answers):
            raise WrongAnswer("The feed refused a stream.")
        await asyncio.sleep(REST)
        spent = await asyncio.to_thread(_spent, service, seconds)
        for answer in answers:
            await answer.aclose()
        return spent


def _spent(service: Service, seconds: float) -> float:
    """Processor seconds of the service within a while."""
    before = service.processes().processor_seconds()
    time.sleep(seconds)
    return service.processes().processor_seconds() - before
