"""`python -m bench [--quick]`: measures this machine and the service on it, in folders that the run makes and removes."""

import argparse
import asyncio
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from bench import generate, limits, machine, report
from bench.clients import WrongAnswer
from bench.deadline import Late, within
from bench.figure import Figure
from bench.figures import (
    bridging,
    bucket,
    claiming,
    cycle,
    filled,
    following,
    from_upload,
    hosts,
    hunting,
    ingest,
    pages,
    reading,
    serving,
    similar,
    slow,
    tabs,
    web,
    workers,
)
from bench.machine import MemoryWatch
from bench.service import Service, Unusable, check_disk, check_port
from bench.tenants import Tenants

SMALL_GIB, FULL_GIB = 4.0, 25.0
#: samples in the database: growth is measured at GROWTH_SIZES, the rest at the size that the goals name
GROWTH_SIZES = (10_000, 100_000, 1_000_000)
ACCESS_SIZES = (100_000,)
WHOLE_LIST_SIZES = (200_000,)
FULL_SIZES = (10_000, 100_000, 200_000, 1_000_000)
QUICK_SIZES = (100_000,)
#: groups of figures on the filled database
FILLED = (
    "pages",
    "web pages",
    "reading",
    "claims",
    "similar",
    "open tabs",
    "access rules",
    "whole list",
    "statistics",
    "generator",
)
#: seconds of a quick run, the end of the services left out, of a group of figures, and of filling in: three minutes are enough
QUICK_SECONDS, QUICK_GROUP, QUICK_FILL = 150.0, 25.0, 60.0
#: characters of a command in a note
LONGEST_COMMAND = 60
#: seconds of rest after the start, for figures of processor time
REST = 5.0


class Bench:
    """One run of the suite, in quick or full size. Collects figures in the order of measurement."""

    def __init__(
        self, parent: Path, port: int | None, *, quick: bool, only: str, sizes: Sequence[int] = ()
    ) -> None:
        self.parent = parent
        self.port = port
        self.quick = quick
        self.sizes = sizes or (QUICK_SIZES if quick else FULL_SIZES)
        self.figures: list[Figure] = []
        self.remarks: list[str] = []
        self._only = only
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self._began:5.0f} s] {text}", file=sys.stderr, flush=True)

    def measure(self, name: str, make: Callable[[], list[Figure]]) -> None:
        """Measure a group of figures. A group that cannot be measured becomes a remark, and the run goes on.

        A quick run gives up a group that takes long, leaves out the groups for which no time is left, and says so.
        """
        if self._only and self._only not in name:
            return
        self.say(name)
        try:
            with self._within(QUICK_GROUP):
                self.figures += make()
        except (WrongAnswer, Late) as error:
            self.remarks.append(f"not measured: {name}: {error}")

    def _within(self, seconds: float) -> AbstractContextManager[None]:
        """The time that a part of a quick run has. Other runs take their time."""
        left = QUICK_SECONDS - (time.monotonic() - self._began)
        return within(min(seconds, left) if self.quick else None)

    def run(self) -> limits.Limits:
        with ExitStack() as later:
            starts = 1 if self.quick else 3
            self.measure("start", lambda: serving.start(self.parent, self.port, starts, later))
            service = later.enter_context(Service(self.parent, self.port))
            service.start()
            self.say("limits of the machine")
            found = limits.measure(service, quick=self.quick)
            if self.quick:
                self._filled()  # first, as the time may not be enough for everything
            self._writing(service, found)
        files, runs = (40, 1) if self.quick else (240, 3)
        self.measure("real files", lambda: from_upload.to_verdict(self.parent, self.port, files, runs))
        if not self.quick:
            self.measure("workers", lambda: workers.measure(12, 3))
        mebibytes, hunts = (40, 1) if self.quick else (300, 3)
        self.measure("hunts", lambda: hunting.measure(self.parent, self.port, mebibytes, hunts))
        if not self.quick:
            self._beyond_one_machine(found)
            self._filled()
        return found

    def _beyond_one_machine(self, found: limits.Limits) -> None:
        """The figures of a bucket, of readers of the feed, of a Karton, and of two hosts."""
        parent, port = self.parent, self.port
        self.measure("bucket", lambda: bucket.measure(parent, port, 1000, size_mib=1024, runs=3, found=found))
        self.measure("feed", lambda: following.measure(parent, port, 2000, 10, 3))
        self.measure("karton", lambda: bridging.measure(parent, port, 40, 3))
        self.measure("hosts", lambda: hosts.measure(parent, 1000, 3))

    def _filled(self) -> None:
        """The figures of databases of their own, which are filled in: one for each size, as ids go with times in life."""
        if not any(self._only in group for group in FILLED):
            return
        try:
            for size in self.sizes:
                with Service(self.parent, None if self.quick else self.port) as service:
                    service.start()
                    self._of_size(service, size, largest=size == FULL_SIZES[-1])
            self.figures += [*reading.growth(self.figures), *pages.summary(self.figures)]
        except Late as error:
            self.remarks.append(f"not measured: a filled database: {error}")

    def _writing(self, service: Service, found: limits.Limits) -> None:
        """The figures of writing to an empty database."""
        quick, runs = self.quick, 2 if self.quick else 3
        time.sleep(REST)
        self.measure("idle", lambda: [serving.idle(service, 5 if quick else 20)])
        self.measure("upload", lambda: serving.large_upload(service, 1024, 1 if quick else 3, found))
        self.measure("cycles", lambda: cycle.cycles(service, 300 if quick else 1000, runs, found))
        self.measure("uploads", lambda: cycle.uploads(service, 200 if quick else 1000, runs, found))
        self.measure("ingest", lambda: ingest.measure(service, 400 if quick else 2000, runs))
        self.measure("types", lambda: from_upload.types(service, 240 if quick else 1000, runs))
        if not quick:
            self.measure("slow uploaders", lambda: slow.measure(service, 4, 3))

    def _of_size(self, service: Service, size: int, *, largest: bool) -> None:
        """The figures of a database with so many samples."""
        seconds, runs = (0.2, 1) if self.quick else (1.0, 3)
        tenants = self._fill(service, size)
        if size in ACCESS_SIZES and not self.quick:
            self._access(service, tenants, size, seconds, runs)
        with MemoryWatch(service.processes()) as watch:
            self._at(service, tenants, size, seconds, runs, largest=largest)
        if size in WHOLE_LIST_SIZES:
            self.measure("whole list", lambda: filled.whole_list(service, 3))
        if largest:
            self.measure("statistics", lambda: [filled.statistics(service, 5)])
            memory = Figure("memory of the largest process", "MiB", [watch.largest / 2**20], 200, less=True)
            memory.note = watch.of_largest[-LONGEST_COMMAND:]
            self.figures.append(memory)

    def _at(
        self, service: Service, tenants: Tenants, size: int, seconds: float, runs: int, *, largest: bool
    ) -> None:
        if size in GROWTH_SIZES or self.quick:
            self.measure(
                f"pages, {size:,} samples", lambda: pages.measure(service, tenants, size, quick=self.quick)
            )
            self.measure(
                f"web pages, {size:,} samples", lambda: web.measure(service, tenants, size, quick=self.quick)
            )
            self.measure(
                f"reading, {size:,} samples",
                lambda: reading.measure(service, tenants, size, seconds, runs, largest=largest),
            )
            tasks = 500 if self.quick else 3000
            self.measure(
                f"claims, {size:,} samples",
                lambda: claiming.measure(service, size, tasks, runs, largest=largest),
            )
            self.measure(
                f"similar, {size:,} samples", lambda: similar.measure(service, size, quick=self.quick)
            )
        if size == self.sizes[-1] and not self.quick:
            self.measure("open tabs", lambda: [tabs.idle(service, tenants)])

    def _access(self, service: Service, tenants: Tenants, size: int, seconds: float, runs: int) -> None:
        self.measure(
            "access rules",
            lambda: filled.access_rules(service, tenants, size, seconds, runs + 2),
        )

    def _fill(self, service: Service, samples: int) -> Tenants:
        self.say(f"filling in {samples:,} samples")
        began = time.monotonic()
        with self._within(QUICK_FILL):
            tenants = asyncio.run(generate.fill(service.database_url, samples))
        rate = samples / (time.monotonic() - began)
        goal = 1_000_000 / 600
        self.figures.append(Figure(f"generator, {samples:,} samples", "samples/s", [rate], goal))
        return tenants


def revision() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="smaller sizes and fewer runs: under three minutes, and what they leave no time for is left out",
    )
    parser.add_argument(
        "--only", default="", help="measure only the figures whose group has this in its name"
    )
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the data folders are made"
    )
    parser.add_argument(
        "--sizes",
        type=int,
        nargs="+",
        metavar="SAMPLES",
        default=(),
        help="sizes of the databases that are filled in",
    )
    parser.add_argument("--port", type=int, help="port of the services under test [a free one]")
    return parser.parse_args()


def main() -> int:
    given = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that services stop and their folders go
    console = Console(width=None if sys.stdout.isatty() else 200)
    bench = Bench(given.folder, given.port, quick=given.quick, only=given.only, sizes=given.sizes)
    described, started = machine.describe(), datetime.now(UTC).isoformat(timespec="seconds")
    try:
        check_disk(given.folder, SMALL_GIB if given.quick else FULL_GIB)
        if given.port is not None:
            check_port(given.port)
        found = bench.run()
    except Unusable as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    mode = "quick" if given.quick else "full"
    made = report.Report(mode, started, revision(), described, found, bench.figures, bench.remarks)
    report.show(made, console)
    path = report.write(made)
    drawn = report.plot(made, path.with_suffix(".svg"))
    print(f"written: {path}" + (f", {', '.join(drawn)}" if drawn else " (no plots: matplotlib is missing)"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
