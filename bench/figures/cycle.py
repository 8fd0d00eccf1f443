"""Complete cycles: submission -> job -> claim -> success -> verdict, all over HTTP; and small uploads."""

import asyncio
import itertools
import statistics
import time
from collections.abc import Sequence

from bench import clients, limits, load, statements, static_answers
from bench.databases import connected, rows_of
from bench.figure import Figure, Limit, Surroundings
from bench.limits import Limits
from bench.service import Service, Unusable

CLIENTS = 16
#: as many clients as workers in the figures of claims: fewer clients do not keep two cores busy
MANY_CLIENTS = 32
SIZE = 16 * 1024
OK = 200
WORKER = "bench"
#: seconds that the classifier has for the samples of a run
CLASSIFIED = 600
#: seeds of files: each run uploads new files
FRESH = itertools.count(100)


def uploads(service: Service, count: int, runs: int, found: Limits) -> list[Figure]:
    """Measure uploads of new files. Each upload also wakes the classifier, which works at the same time."""
    large = max(8, 4 * (count // 100))
    mib = min(found.digest_mib, found.write_mib)
    one = Figure("upload of 16 KiB, 1 client", "/s", [], note="new samples")
    large_limit = Limit("digests on one core, durable write", mib)
    of_mib = Figure(
        "upload of 16 MiB, 4 clients", "MiB/s", [], 0.7 * mib, limit=large_limit, note="new samples"
    )
    return [
        _uploads(service, one, count // 4, SIZE, callers=1, runs=runs),
        _small_uploads(service, count, runs),
        _uploads(service, of_mib, large, 16 * 1024 * 1024, callers=4, runs=runs),
    ]


def _small_uploads(service: Service, count: int, runs: int) -> Figure:
    """Measure small uploads, and the limit between the runs: the speed of small files changes from minute to minute."""
    figure = Figure("upload of 16 KiB, 16 clients", "/s", [])
    found = [limits.uploads(service)]
    for _ in range(runs):
        _uploads(service, figure, count, SIZE, callers=CLIENTS, runs=1)
        found.append(limits.uploads(service))
    limit = statistics.median(found)
    figure.goal, figure.limit = 0.5 * limit, Limit("digests + durable file + durable row", limit)
    figure.note = f"bare app that does as much: {_bare_uploads(service, count):,.0f}/s"
    return figure


def _bare_uploads(service: Service, count: int) -> float:
    """Uploads a second to a bare application on the same server and database."""
    folder = service.folder / "bare"
    folder.mkdir()
    url = service.database_url
    with limits.samples_table(url), static_answers.serving(2, url, folder) as target:
        rates = [
            load.run_off(clients.upload, target, fresh_files(count, SIZE, CLIENTS)).rate for _ in range(3)
        ]
    return statistics.median(rates)


def _uploads(service: Service, figure: Figure, count: int, size: int, *, callers: int, runs: int) -> Figure:
    factor = size / 2**20 if figure.unit == "MiB/s" else 1
    with Surroundings(service.processes) as around:
        for _ in range(runs):
            files = fresh_files(count, size, callers)
            figure.values.append(factor * load.run_off(clients.upload, service.target(), files).rate)
    return around.mark(figure)


def fresh_files(count: int, size: int, callers: int) -> load.Pile:
    first = next(FRESH) * 1_000_000
    return load.Pile([(first + number, size) for number in range(count)], callers, clients.body_of)


def cycles(service: Service, count: int, runs: int, found: Limits) -> list[Figure]:
    """Measure cycles on samples that are uploaded and classified before. Each run uploads the samples again for new tokens."""
    asyncio.run(make_workers(service, [WORKER]))
    seeds = range(10_000_000, 10_000_000 + count)
    asyncio.run(clients.prepare_all("127.0.0.1", service.port, service.key, seeds, SIZE))
    asyncio.run(wait_for_classifier(service.database_url))
    limit = Limit("3 answers + 3 durable rows", found.cycles)
    few = Figure(f"cycles, {CLIENTS} clients", "/s", [], limit=limit)
    many = Figure(f"cycles, {MANY_CLIENTS} clients", "/s", [], 600, limit=limit)
    read = Figure(f"cycles with analysis and verdict read, {CLIENTS} clients", "/s", [], limit=limit)
    return [
        _cycles(service, few, seeds, CLIENTS, runs),
        _cycles(service, many, seeds, MANY_CLIENTS, runs),
        _cycles(service, read, seeds, CLIENTS, runs, with_analysis=True),
        _statements(service, seeds, runs),
    ]


def _cycles(
    service: Service,
    figure: Figure,
    seeds: Sequence[int],
    callers: int,
    runs: int,
    *,
    with_analysis: bool = False,
) -> Figure:
    # A run before measuring: every connection has to plan its statements once.
    _run(service, seeds, callers, with_analysis=with_analysis)
    with Surroundings(service.processes) as around:
        outcomes = [_run(service, seeds, callers, with_analysis=with_analysis) for _ in range(runs)]
    figure.values = [outcome.rate for outcome in outcomes]
    last = outcomes[-1]
    figure.note = f"p50 {last.median_ms:.0f} ms, p95 {last.percentile(95):.0f} ms; each has its verdict"
    return around.mark(figure)


def _run(service: Service, seeds: Sequence[int], callers: int, *, with_analysis: bool) -> load.Outcome:
    made = asyncio.run(clients.prepare_all("127.0.0.1", service.port, service.key, seeds, SIZE))
    before = asyncio.run(rows_of(service.database_url, "verdict"))
    pile = load.Pile([(WORKER, *one, with_analysis) for one in made], callers, tuple)
    outcome = load.run_off(clients.cycle, service.target(), pile)
    verdicts = asyncio.run(rows_of(service.database_url, "verdict")) - before
    if verdicts != outcome.rounds:
        raise clients.WrongAnswer(f"{outcome.rounds} cycles left {verdicts} verdicts")
    return outcome


def _statements(service: Service, seeds: Sequence[int], runs: int) -> Figure:
    figure = Figure("cycles, their statements alone", "/s", [], note="16 connections, no HTTP")
    with Surroundings(service.processes) as around:
        for _ in range(runs):
            made = asyncio.run(clients.prepare_all("127.0.0.1", service.port, service.key, seeds, SIZE))
            figure.values.append(
                statements.rate(service.database_url, service.target(), WORKER, made, CLIENTS)
            )
    return around.mark(figure)


async def make_workers(service: Service, names: Sequence[str]) -> None:
    """Make workers, and let the default policy choose them. Raises `WrongAnswer`."""
    wire = await clients.Wire.open("127.0.0.1", service.port, service.key)
    texts = {"localizedNames": {"english": "bench"}, "localizedDescriptions": {"english": "bench"}}
    for name in names:
        await wire.ask_json("POST", f"{clients.V2}/worker", {"shortName": name, **texts})
    wire.close()
    await choose_workers(service, names)


async def choose_workers(service: Service, names: Sequence[str]) -> None:
    """Let the default policy choose these workers and no others. Raises `WrongAnswer`."""
    wire = await clients.Wire.open("127.0.0.1", service.port, service.key)
    policy = {"workers": list(names), "options": []}
    answer = await wire.ask_json("PUT", f"{clients.V2}/policy/default", policy)
    wire.close()
    if answer[0] != OK:
        raise clients.WrongAnswer(f"the policy cannot be set: {answer}")


async def wait_for_classifier(url: str) -> None:
    end = time.monotonic() + CLASSIFIED
    async with connected(url) as db:
        while await db.fetchval("SELECT EXISTS (SELECT FROM sample WHERE classification_wanted)"):
            if time.monotonic() > end:
                raise Unusable(f"The classifier did not come to an end within {CLASSIFIED} s.")
            await asyncio.sleep(0.2)
