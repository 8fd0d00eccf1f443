"""Real files on a service with its own workers: the cost of file types, and the way from upload to verdict."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import clients, load, real_files
from bench.clients import WrongAnswer
from bench.databases import rows_of
from bench.figure import Figure, Surroundings
from bench.figures.cycle import choose_workers, wait_for_classifier
from bench.service import Service, Unusable
from samplebank.worker.analysers import BUILT_IN

#: goals in files a second
FIRM_GOAL, GUESSED_GOAL, VERDICT_GOAL = 800.0, 80.0, 40.0
#: the workers of the goal
PAIR = ("static", "yara")
#: files before the measurement, so that all children of the workers are there
FIRST = 16
CHILD, HOUSEKEEPER = "samplebank.sandbox.child", "samplebank.serving.housekeeper_process"
#: what is in the command of a process, and the kind of the process
KINDS = (("postgres", "PostgreSQL"), (HOUSEKEEPER, "housekeeper"), ("worker run", "worker"))


def types(service: Service, count: int, runs: int) -> list[Figure]:
    """Measure new files a second of processor time of the housekeeper and its children, without and with the model."""
    chosen = real_files.of_packages()
    firm = Figure("types without the model", "/s a core", [], FIRM_GOAL, note="firm magic number")
    guessed = Figure("types with the model", "/s a core", [], GUESSED_GOAL, note="texts")
    for figure, wanted, files in (
        (firm, real_files.is_firm, count),
        (guessed, real_files.is_text, count // 4),
    ):
        contents = [path.read_bytes() for path in real_files.different(chosen, files, wanted)]
        # Classify some files before measuring: the first files make the classifier load its model.
        _classify(service, contents[:5], run=0)
        with Surroundings(service.processes) as around:
            figure.values = [_classify(service, contents, run=1 + run) for run in range(runs)]
        around.mark(figure)
        figure.note = f"{figure.note}: {len(contents)} files of packages"
    return [firm, guessed]


def _classify(service: Service, contents: list[bytes], *, run: int) -> float:
    """Upload files that differ from run to run by the bytes at their ends. Returns files a second of processor time."""
    before = _seconds_by(service, _of_housekeeper)["housekeeper"]
    mark = f"\n{run} {time.time_ns()}\n".encode()
    work = [[content + mark for content in contents]]
    load.run(clients.upload, service.target(), work, processes=1)
    asyncio.run(wait_for_classifier(service.database_url))
    took = _seconds_by(service, _of_housekeeper)["housekeeper"] - before
    return len(contents) / max(took, 0.01)


def to_verdict(parent: Path, port: int | None, count: int, runs: int) -> list[Figure]:
    """Measure `samplebank submit --wait` on files of packages, with `PAIR`, and with all built-in workers."""
    new_service = partial(Service, parent, port, with_workers=True)
    return [
        _to_verdict(new_service, count, runs, PAIR, VERDICT_GOAL),
        _to_verdict(new_service, count, runs, tuple(BUILT_IN), None),
    ]


def _to_verdict(
    new_service: Callable[[], Service], count: int, runs: int, workers: tuple[str, ...], goal: float | None
) -> Figure:
    paths = real_files.different(real_files.of_packages(), count * runs + FIRST, lambda _: True)
    figure = Figure(f"real files, upload to verdict, {len(workers)} workers", "/s", [], goal)
    spent: Counter[str] = Counter()
    with new_service() as service:
        service.start()
        asyncio.run(choose_workers(service, workers))
        _submit(service, paths[:FIRST])
        with Surroundings(service.processes) as around:
            for run in range(runs):
                before = _seconds_by(service, _kind)
                began = time.perf_counter()
                _submit(service, paths[FIRST + run * count : FIRST + (run + 1) * count])
                figure.values.append(count / (time.perf_counter() - began))
                spent += _seconds_by(service, _kind) - before
        verdicts = asyncio.run(rows_of(service.database_url, "verdict"))
    if verdicts < len(paths):
        raise WrongAnswer(f"{len(paths)} files have {verdicts} verdicts")
    total = spent.total()
    shares = ", ".join(f"{kind} {100 * seconds / total:.0f} %" for kind, seconds in spent.most_common())
    each = 1000 * total / (count * runs)
    figure.note = f"{count} files, {', '.join(workers)}; {each:.0f} ms of processor time each: {shares}"
    return around.mark(figure)


def _submit(service: Service, paths: list[Path]) -> None:
    try:
        service.command("submit", "--wait", "--json", *map(str, paths))
    except Unusable as error:
        raise WrongAnswer(str(error)) from error


def _seconds_by(service: Service, kind: Callable[[list[str]], str]) -> Counter[str]:
    """Processor time by kind of process. `kind` is told the commands of a process and of its parents, from the process upwards."""
    found: Counter[str] = Counter()
    for commands, seconds in service.processes().seconds_with_ended():
        found[kind(commands)] += seconds
    return found


def _of_housekeeper(commands: list[str]) -> str:
    return "housekeeper" if any(HOUSEKEEPER in command for command in commands) else "others"


def _kind(commands: list[str]) -> str:
    if CHILD in commands[0]:
        return "file types" if _of_housekeeper(commands) == "housekeeper" else "analysers"
    return next((kind for mark, kind in KINDS if mark in commands[0]), "web")
