"""`python -m drill`: a quick drill of a few minutes, or all rounds, in folders that the run makes and removes."""

import argparse
import logging
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from rich.console import Console

from drill import (
    bringers,
    brokers,
    buckets,
    children,
    clocks,
    crowds,
    cuts,
    dearest,
    failover,
    faults,
    followers,
    fullness,
    fuzz,
    karton,
    pages,
    possession,
    power,
    queues,
    rolling,
    saving,
)
from drill.report import summary, table_of, write
from drill.restarts import on_external_database, on_own_database, terminate, terminate_one_by_one
from drill.rows import Fault, Row
from drill.stops import Stops

FAULTS = (
    Fault("fast", 2, 50, on_external_database("external database restarted (fast)", signal.SIGINT)),
    Fault(
        "immediate", 1, 20, on_external_database("external database restarted (immediate)", signal.SIGQUIT)
    ),
    Fault("backends", 2, 50, on_own_database("backends terminated", terminate)),
    Fault("sessions", 1, 70, on_own_database("sessions terminated one by one", terminate_one_by_one)),
    Fault(
        "postmaster", 1, 20, on_own_database("embedded postmaster killed", faults.kill_postmaster, restarts=1)
    ),
    Fault("web", 1, 60, on_own_database("web processes killed, twice within 3 s", faults.kill_web_twice)),
    Fault("housekeeper", 1, 20, on_own_database("housekeeper killed", faults.kill_housekeeper)),
    Fault("stops", 0, 30, on_own_database("processes stopped for 4 s", Stops())),
    Fault("fullness", 0, 10, fullness.run),
    Fault("clocks", 0, 30, clocks.run),
    Fault("cuts", 0, 20, cuts.run),
    Fault("children", 10, 400, children.run),
    Fault("bringers", 3, 300, bringers.run),
    Fault("feed", 0, 60, followers.run),
    Fault("brokers", 0, 40, brokers.run),
    Fault("power", 1, 20, power.run),
    Fault("buckets", 0, 80, buckets.run),
    Fault("rolling", 0, 10, rolling.run),
    Fault("karton", 0, 150, karton.run),
    Fault("saving", 0, 20, saving.run),
    Fault("failover", 0, 10, failover.run),
    Fault("burst", 320, 320, crowds.burst),
    Fault("leases", 1000, 2000, queues.leases),
    Fault("idle", 600, 3000, crowds.idle),
    Fault("fuzz", 1500, 100_000, fuzz.run),
    Fault("pages", 1500, 100_000, pages.run),
    Fault("possession", 200, 10_000, possession.run),
    Fault("streams", 40, 200, crowds.streams),
    Fault("bodies", 1, 5, dearest.bodies),
    Fault("searches", 2000, 60_000, dearest.searches),
    Fault("turns", 200, 5000, queues.turns),
)


def main() -> int:
    chosen = _arguments()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    logging.disable()  # the drill's own database tells of each blow
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("The drill was told to stop."))
    began, rows = time.monotonic(), list[Row]()
    wanted = [one for one in FAULTS if _is_wanted(one, chosen)]
    try:
        for row in _drill(chosen.folder, wanted, chosen.rounds, is_full=chosen.full):
            rows.append(row)
    except KeyboardInterrupt:
        print("Stopped; what was drilled so far:", file=sys.stderr)
    seconds = time.monotonic() - began
    if chosen.json:
        print(msgspec.json.format(msgspec.json.encode(rows)).decode())
    else:
        console = Console()
        console.print(table_of(rows, seconds))
        console.print(summary(rows), highlight=False)
    if chosen.write:
        write(
            rows, seconds, "some faults" if chosen.only else "all rounds" if chosen.full else "a short drill"
        )
    return 1 if any(row.met is False for row in rows) or len(rows) < len(wanted) else 0


def _is_wanted(fault: Fault, chosen: argparse.Namespace) -> bool:
    return fault.name in chosen.only if chosen.only else chosen.full or fault.quick > 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m drill", description=__doc__)
    names = [one.name for one in FAULTS]
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the data folders are made"
    )
    parser.add_argument(
        "--full", action="store_true", help="all rounds, which takes somewhat more than an hour"
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=names,
        metavar="NAME",
        help=f"one of {', '.join(names)}; may be repeated",
    )
    parser.add_argument("--rounds", type=int, help="how many rounds, clients, tries or samples instead")
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON at the end")
    return parser.parse_args()


def _drill(parent: Path, wanted: Sequence[Fault], rounds: int | None, *, is_full: bool) -> Iterator[Row]:
    for fault in wanted:
        number = rounds or (fault.full if is_full else fault.quick or 1)
        print(f"{fault.name}, {number} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="samplebank-drill-", dir=parent) as folder:
            Path(folder).chmod(0o755)
            began = time.monotonic()
            try:
                yield from fault.run(Path(folder), number)
            except Exception as error:  # noqa: BLE001 the other faults are drilled all the same
                yield Row(fault.name, number, "", f"broken off: {type(error).__name__}: {error}", met=False)
            print(f"  {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
