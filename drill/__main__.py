"""`python -m drill`: a quick drill of a few minutes, or all rounds, in folders that the run makes and removes."""

import argparse
import logging
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
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
    runs,
    saving,
    store_cuts,
)
from drill.report import summary, table_of, write
from drill.restarts import on_external_database, on_own_database, terminate, terminate_one_by_one
from drill.rows import Fault, Row
from drill.runs import Done
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
    Fault("store-cuts", 0, 20, store_cuts.run),
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
    Fault("turns", 200, 50_000, queues.turns),
)


def main() -> int:
    chosen = _arguments()
    if chosen.write:
        return _tell(runs.read(chosen.write), chosen)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    logging.disable()  # the drill's own database tells of each blow
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("The drill was told to stop."))
    done = list[Done]()
    wanted = [one for one in FAULTS if _is_wanted(one, chosen)]
    try:
        for one in _drill(chosen.folder, wanted, chosen.rounds, is_full=chosen.full):
            done.append(one)
            if chosen.add:
                runs.add(chosen.add, one)
    except KeyboardInterrupt:
        print("Stopped; what was drilled so far:", file=sys.stderr)
    return max(_tell(done, chosen), len(done) < len(wanted))


def _tell(done: Sequence[Done], chosen: argparse.Namespace) -> int:
    """Tell what was done. Returns 1 where a goal is missed."""
    rows = list(runs.in_order(done, FAULTS))
    if chosen.json:
        print(msgspec.json.format(msgspec.json.encode(rows)).decode())
    else:
        console = Console()
        console.print(table_of(rows, sum(one.seconds for one in done)))
        console.print(summary(rows), highlight=False)
    if chosen.write is not None and done:
        told = f"Samplebank {version('samplebank')}, {runs.origin(done)}: {runs.extent(done, FAULTS)}."
        write(rows, told)
    return int(any(row.met is False for row in rows))


def _is_wanted(fault: Fault, chosen: argparse.Namespace) -> bool:
    return fault.name in chosen.only if chosen.only else chosen.full or fault.quick > 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m drill", description=__doc__)
    names = [one.name for one in FAULTS]
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the data folders are made"
    )
    parser.add_argument("--full", action="store_true", help="all rounds, which takes more than an hour")
    parser.add_argument(
        "--only",
        action="append",
        choices=names,
        metavar="NAME",
        help=f"one of {', '.join(names)}; may be repeated",
    )
    parser.add_argument("--rounds", type=int, help="how many rounds, clients, tries or samples instead")
    parser.add_argument(
        "--add", type=Path, metavar="FILE", help="add each kind of fault to the file, as soon as it is done"
    )
    parser.add_argument(
        "--write",
        type=Path,
        nargs="*",
        metavar="FILE",
        help="put the table into docs/reliability.md: of this run, or of the runs in the files, without a drill",
    )
    parser.add_argument("--json", action="store_true", help="print the rows as JSON at the end")
    chosen = parser.parse_args()
    for file in chosen.write or ():
        if not file.is_file():
            parser.error(f"{file} is not a file of runs, which --add makes.")
    if chosen.write and (chosen.full or chosen.only):
        parser.error("--write with files drills nothing: leave out --full and --only.")
    return chosen


def _drill(parent: Path, wanted: Sequence[Fault], rounds: int | None, *, is_full: bool) -> Iterator[Done]:
    run = runs.begin()
    for fault in wanted:
        number = rounds or (fault.full if is_full else fault.quick or 1)
        print(f"{fault.name}, {number} ...", file=sys.stderr, flush=True)
        began = time.monotonic()
        rows, is_whole = _rows(parent, fault, number)
        seconds = time.monotonic() - began
        yield run.done(fault.name, number if is_whole else 0, seconds, rows)
        print(f"  {seconds:.0f} s", file=sys.stderr, flush=True)


def _rows(parent: Path, fault: Fault, number: int) -> tuple[list[Row], bool]:
    """The rows of a fault, and whether all its rounds were done."""
    rows = list[Row]()
    with tempfile.TemporaryDirectory(prefix="samplebank-drill-", dir=parent) as folder:
        Path(folder).chmod(0o755)
        try:
            rows.extend(fault.run(Path(folder), number))
        except Exception as error:  # noqa: BLE001 the other faults are drilled all the same
            said = f"broken off: {type(error).__name__}: {error}"
            return [*rows, Row(fault.name, number, "", said, met=False)], False
    return rows, all(row.met is not None for row in rows)


if __name__ == "__main__":
    sys.exit(main())
