"""`python -m bench.beside TREE TREE ...`: what one operation costs several revisions, in turn on one machine.

A tree is the folder of a checked-out revision with a `.venv`; `.` is the present revision. The service of each tree is started once.
Each round measures every operation on every tree, one tree after the other, so that a busy minute meets all trees. The cost is
processor time of the processes of the service and of PostgreSQL, which other programs disturb less than the clock.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import asyncpg
from rich.console import Console
from rich.table import Table

from bench import clients, load
from bench.figures import claiming
from bench.figures.cycle import SIZE, WORKER, fresh_files, make_workers, wait_for_classifier
from bench.machine import Processes
from bench.questions import WEEK, Request
from bench.service import Service, Unusable

CLIENTS = 8
#: cycles in each service before the first round; cycles, uploads and reads of a block
FILLED, CYCLES, UPLOADS, READS = 1000, 500, 300, 1200
#: tasks that are claimed in a block, and tasks that a worker asks for at once
CLAIMED, AT_ONCE = 3000, 10
#: seconds of rest before a block, so that the end of the block before is over
REST = 1.0
DAY = 86_400_000

#: the measured part of an operation; returns the number of rounds
Work = Callable[[], int]
#: makes the work on a service; the preparation is not measured
Operation = Callable[[Service], Work]


def cycles(service: Service, count: int = CYCLES) -> Work:
    seeds = range(10_000_000, 10_000_000 + count)
    made = asyncio.run(clients.prepare_all("127.0.0.1", service.port, service.key, seeds, SIZE))
    asyncio.run(wait_for_classifier(service.database_url))
    pile = load.Pile([(WORKER, *one, False) for one in made], CLIENTS, tuple)
    return lambda: load.run_off(clients.cycle, service.target(), pile).rounds


def uploads(service: Service) -> Work:
    """New files, up to their types: revisions differ in the work during an upload, and the work after the upload."""
    asyncio.run(wait_for_classifier(service.database_url))
    files = fresh_files(UPLOADS, SIZE, CLIENTS)

    def work() -> int:
        rounds = load.run_off(clients.upload, service.target(), files).rounds
        asyncio.run(wait_for_classifier(service.database_url))
        return rounds

    return work


def claims(service: Service, most: int) -> Work:
    """Tasks of the customers of the newest samples; a round is a task."""
    asyncio.run(claiming.prepare(service.database_url, CLAIMED, time.time_ns() // 1_000_000))
    work = [[(claiming.WORKER, most)]] * CLIENTS
    return lambda: load.run(clients.claim_all, service.target(), work).rounds


def reads(request: Request, service: Service) -> Work:
    work = [[request] * (READS // CLIENTS)] * CLIENTS
    return lambda: load.run(clients.ask_once, service.target(), work).rounds


def post(path: str, **criteria: object) -> Operation:
    return partial(reads, ("POST", f"{clients.V2}/{path}", json.dumps(criteria).encode()))


def get(path: str) -> Operation:
    return partial(reads, ("GET", f"{clients.V2}/{path}", b""))


def operations(now: int) -> dict[str, Operation]:
    week = {"startTimestamp": now - WEEK, "endTimestamp": now + DAY}
    return {
        "cycle": cycles,
        "upload": uploads,
        "claim, ten at once": partial(claims, most=AT_ONCE),
        "claim, one at once": partial(claims, most=1),
        "list of jobs": get("job?limit=25"),
        "list of samples": get("sample?limit=25"),
        "search of jobs": post("job/search", state=["done"], limit=25, **week),
        "search of samples": post("sample/search", keywords=["invoice"], limit=25),
    }


class Costs:
    """Processor seconds of the processes and of the PostgreSQL of a service since the start of the block."""

    def __init__(self, service: Service) -> None:
        self._all = service.processes()
        self._database = Processes(service.postmaster)
        self._before = self._all.seconds_by_process()

    def since(self) -> tuple[float, float]:
        """Processes that have ended meanwhile do not count: the time is not known."""
        now, database = self._all.seconds_by_process(), set(self._database.ids())
        spent = {one: seconds - self._before.get(one, 0.0) for one, seconds in now.items()}
        of_database = sum(seconds for one, seconds in spent.items() if one in database)
        return sum(spent.values()) - of_database, of_database


def cost(service: Service, operation: Operation) -> tuple[float, float]:
    """Milliseconds of (processes of the service, PostgreSQL) for one round of an operation."""
    work = operation(service)
    time.sleep(REST)
    costs = Costs(service)
    rounds = work()
    web, database = costs.since()
    return 1000 * web / rounds, 1000 * database / rounds


def started(tree: Path, later: ExitStack) -> Service:
    python = tree.resolve() / ".venv" / "bin" / "python"
    if not python.exists():
        raise Unusable(f"{tree} has no environment: run scripts/bootstrap there.")
    service = later.enter_context(Service(Path(tempfile.gettempdir()), python=python))
    service.start()
    asyncio.run(make_workers(service, [WORKER]))
    cycles(service, FILLED)()
    asyncio.run(wait_for_classifier(service.database_url))
    asyncio.run(take_statistics(service.database_url))
    return service


async def take_statistics(url: str) -> None:
    """What autovacuum does within a minute. Else a plan depends on how long the first blocks take."""
    db = await asyncpg.connect(url)
    try:
        await db.execute("VACUUM (ANALYZE)")
    finally:
        await db.close()


def shown(found: dict[str, list[list[tuple[float, float]]]], trees: Sequence[str]) -> Table:
    """For each operation and tree: medians of the rounds, the least round, and how much more than the first tree in the same round.

    Other programs only add to a round, so a least round of many is the nearest to a quiet machine.
    """
    table = Table(
        "operation", "tree", "service ms", "PostgreSQL ms", "sum ms", "least ms", "to the first", "rounds"
    )
    for name, by_tree in found.items():
        first = [sum(one) for one in by_tree[0]]
        for tree, costs in zip(trees, by_tree, strict=True):
            sums = [sum(one) for one in costs]
            ratios = sorted(100 * (mine / its - 1) for mine, its in zip(sums, first, strict=True))
            medians = [statistics.median(column) for column in (*zip(*costs, strict=True), sums)]
            span = f"{ratios[0]:+.1f} to {ratios[-1]:+.1f}"
            table.add_row(
                name,
                tree,
                *(f"{one:.3f}" for one in (*medians, min(sums))),
                f"{statistics.median(ratios):+.1f} %",
                span,
            )
    return table


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.beside", description=__doc__)
    parser.add_argument(
        "trees", nargs="+", type=Path, metavar="TREE", help="folder of a checked-out revision"
    )
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--only", default="", help="only the operations with this in their name")
    given = parser.parse_args()
    trees: list[Path] = given.trees
    chosen = {name: one for name, one in operations(int(time.time() * 1000)).items() if given.only in name}
    found: dict[str, list[list[tuple[float, float]]]] = {name: [[] for _ in trees] for name in chosen}
    with ExitStack() as later:
        services = [started(tree, later) for tree in trees]
        for number in range(given.rounds):
            print(f"round {number + 1} of {given.rounds}, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
            for name, operation in chosen.items():
                order = range(len(trees)) if number % 2 == 0 else reversed(range(len(trees)))
                for which in order:
                    found[name][which].append(cost(services[which], operation))
    Console(width=130).print(shown(found, [str(tree) for tree in trees]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
