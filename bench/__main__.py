"""`python -m bench [--quick]`: measures this machine and the service on it, in folders that the run makes and removes."""

import argparse
import asyncio
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from bench import generate, limits, machine, report
from bench.clients import WrongAnswer
from bench.figure import Figure
from bench.figures import cycle, filled, serving
from bench.service import Service, Unusable, check_disk, check_port

SMALL_GIB, FULL_GIB = 4.0, 10.0
#: figures that say something about processor time need a moment of rest after the start
REST = 5.0


class Bench:
    """One run: figures as they come, in quick or full size."""

    def __init__(self, parent: Path, port: int | None, *, quick: bool, only: str) -> None:
        self.parent = parent
        self.port = port
        self.quick = quick
        self.figures: list[Figure] = []
        self.remarks: list[str] = []
        self._only = only
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self._began:5.0f} s] {text}", file=sys.stderr, flush=True)

    def measure(self, name: str, make: Callable[[], list[Figure]]) -> None:
        """Measure a group of figures; what cannot be measured is a remark, not the end of the run."""
        if self._only and self._only not in name:
            return
        self.say(name)
        try:
            self.figures += make()
        except WrongAnswer as error:
            self.remarks.append(f"not measured: {name}: {error}")

    def run(self) -> limits.Limits:
        quick = self.quick
        self.measure("start", lambda: serving.start(self.parent, self.port, 1 if quick else 5))
        with Service(self.parent, self.port) as service:
            service.start()
            self.say("limits of the machine")
            found = limits.measure(service, quick=quick)
            time.sleep(REST)
            self.measure("idle", lambda: [serving.idle(service, 10 if quick else 20)])
            self.measure("upload", lambda: serving.large_upload(service, 1024, 1 if quick else 3, found))
            self.measure(
                "cycles", lambda: cycle.cycles(service, 400 if quick else 2000, 3 if quick else 5, found)
            )
            small = 200 if quick else 2000
            self.measure(
                "small uploads", lambda: [cycle.small_uploads(service, small, 2 if quick else 5, found)]
            )
            if not quick:
                asyncio.run(cycle.wait_for_classifier(service.database_url))
        self._filled(found, 10_000 if quick else 100_000, with_lists=not quick)
        if not quick:
            self._large(found)
        return found

    def _filled(self, found: limits.Limits, samples: int, *, with_lists: bool) -> None:
        if self._only and self._only not in ("access rules", "lists"):
            return
        with Service(self.parent, self.port) as service:
            service.start()
            self.say(f"filling in {samples:,} samples")
            tenants = asyncio.run(generate.fill(service.database_url, samples))
            seconds, runs = (0.4, 3) if self.quick else (3, 5)
            self.measure(
                "access rules", lambda: filled.access_rules(service, tenants, samples, seconds, runs)
            )
            if with_lists:
                self.measure("lists", lambda: filled.lists(service, 5, found))
            else:
                self.measure("whole list", lambda: filled.whole_list(service, 2))

    def _large(self, found: limits.Limits) -> None:
        """200,000 jobs for the list of everything, then 1,000,000 submissions for the statistics."""
        if self._only and self._only not in ("whole list", "statistics", "generator"):
            return
        with Service(self.parent, self.port) as service:
            service.start()
            self._fill(service, 200_000)
            self.measure("whole list", lambda: filled.whole_list(service, 5))
            self._fill(service, 300_000)
            self.measure("statistics", lambda: [filled.statistics(service, 5)])
            self.measure("lists", lambda: filled.lists(service, 5, found))

    def _fill(self, service: Service, samples: int) -> None:
        self.say(f"filling in {samples:,} samples")
        began = time.monotonic()
        asyncio.run(generate.fill(service.database_url, samples))
        rate = samples / (time.monotonic() - began)
        self.figures.append(Figure(f"generator, {samples:,} samples", "samples/s", [rate], 1_000_000 / 600))


def revision() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="smaller sizes and fewer runs: under three minutes"
    )
    parser.add_argument(
        "--only", default="", help="measure only the figures whose group has this in its name"
    )
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the data folders are made"
    )
    parser.add_argument("--port", type=int, help="port of the services under test [a free one]")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that services stop and their folders go
    console = Console(width=None if sys.stdout.isatty() else 200)
    bench = Bench(given.folder, given.port, quick=given.quick, only=given.only)
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
    image = path.with_suffix(".svg")
    print(
        f"written: {path}"
        + (f", {image.name}" if report.plot(made, image) else " (no plot: matplotlib is missing)")
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
