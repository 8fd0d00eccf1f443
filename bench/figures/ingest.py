"""The complete ingest of new files (upload, submission, job of two tasks): by one call, and by the two calls of the SampleDB API."""

import asyncio

from bench import clients, load
from bench.figure import Figure, Limit, Surroundings
from bench.figures.cycle import CLIENTS, SIZE, fresh_files, make_workers
from bench.service import Service

WORKERS = ("ingest-1", "ingest-2")
MANY_GOAL, ONE_GOAL, RATIO_GOAL = 800.0, 350.0, 1.6


def measure(service: Service, count: int, runs: int) -> list[Figure]:
    """Measure both ways in turn, beside the bytes alone. The classifier works at the same time."""
    asyncio.run(make_workers(service, WORKERS))
    return [
        *_measured(service, count, runs, CLIENTS, goal=MANY_GOAL),
        *_measured(service, count // 4, runs, 1, goal=ONE_GOAL),
    ]


def _measured(service: Service, count: int, runs: int, callers: int, *, goal: float) -> list[Figure]:
    said = f"16 KiB, {callers} client{'' if callers == 1 else 's'}"
    one = Figure(f"ingest by one call, {said}", "/s", [], goal)
    two = Figure(f"ingest by two calls, {said}", "/s", [])
    ratio = Figure(f"one call beside two calls, {said}", "times", [], RATIO_GOAL if callers > 1 else None)
    alone: list[float] = []
    # A run before measuring: every connection has to plan its statements once.
    for client in (clients.ingest_in_one_call, clients.ingest_in_two_calls):
        _rate(service, client, count // 4, callers)
    with Surroundings(service.processes) as around:
        for _ in range(runs):
            alone.append(_rate(service, clients.upload, count, callers))
            two.values.append(_rate(service, clients.ingest_in_two_calls, count, callers))
            one.values.append(_rate(service, clients.ingest_in_one_call, count, callers))
            ratio.values.append(one.values[-1] / two.values[-1])
    limit = Limit("upload alone", sorted(alone)[len(alone) // 2])
    one.limit = two.limit = limit
    one.note = two.note = "a job of two tasks each"
    return [around.mark(figure) for figure in (one, two, ratio)]


def _rate(service: Service, client: load.Client, count: int, callers: int) -> float:
    return load.run_off(client, service.target(), fresh_files(count, SIZE, callers)).rate
