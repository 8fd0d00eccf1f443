"""`python -m drill`: a quick drill of a few minutes, in folders that the run makes and removes."""

import argparse
import asyncio
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import msgspec
from bench.service import Service
from rich.console import Console
from rich.table import Table

from drill import faults
from drill.load import Load, Promise, broken, wholeness

#: seconds within which the service must be whole again
WHOLE = 30.0
#: seconds of load before each blow
BETWEEN = 1.0
SETTINGS = {
    "SAMPLEBANK_PROCESSES": "2",
    "SAMPLEBANK_SWEEP_INTERVAL": "10",
    "SAMPLEBANK_SIMILAR_SUBMISSION_WINDOW": "0",
}
LEASES, IDLE = 2000, 1000


class Row(msgspec.Struct):
    """The outcome of all rounds of one kind of fault."""

    fault: str
    rounds: int
    goal: str
    seen: str
    good: bool


class Drill:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.rows: list[Row] = []

    def run(self) -> None:
        with Service(self._folder, settings=SETTINGS) as service:
            service.start()
            self._blows(
                service,
                {
                    "web processes killed, twice within 3 s": (2, lambda: faults.kill_web_twice(service)),
                    "housekeeper killed": (2, lambda: faults.kill_housekeeper(service)),
                    "backends terminated": (
                        5,
                        lambda: asyncio.run(faults.terminate_backends(service.database_url)),
                    ),
                    "embedded postmaster killed": (3, lambda: faults.kill_postmaster(service)),
                },
            )
            self._leases(service)
            self._idle(service)
            self._children(service)
        external = faults.External(self._folder / "external")
        with (
            external.running() as url,
            Service(self._folder, settings={**SETTINGS, "SAMPLEBANK_DATABASE_URL": url}) as service,
        ):
            service.start()
            self._blows(
                service,
                {
                    "external database restarted (fast)": (5, lambda: external.restart("fast")),
                    "external database restarted (immediate)": (3, lambda: external.restart("immediate")),
                },
            )

    def _blows(self, service: Service, kinds: dict[str, tuple[int, Callable[[], None]]]) -> None:
        with Load(service.url, service.key) as load:
            for fault, (rounds, blow) in kinds.items():
                print(f"{fault} ...", flush=True)
                before = load.answers["500"]
                times = [self._blow(service, blow) for _ in range(rounds)]
                failures = load.answers["500"] - before
                well = [one for one in times if one is not None]
                slowest = f"whole after {max(well):.1f} s at most" if well else "never whole"
                self.rows.append(
                    Row(
                        fault,
                        rounds,
                        f"<= {WHOLE:.0f} s, no 500",
                        f"{slowest}, {failures} x 500",
                        len(well) == rounds and not failures,
                    )
                )
        self._promises(service, load.promises)

    def _blow(self, service: Service, blow: Callable[[], None]) -> float | None:
        time.sleep(BETWEEN)
        blow()
        return wholeness(service.url, WHOLE)

    def _promises(self, service: Service, promises: list[Promise]) -> None:
        lost, doubled = broken(service.url, service.key, promises)
        said = f"{len(promises):,} promised, {lost} lost, {doubled} doubled"
        self.rows.append(
            Row("promises in all of these", 1, "0 lost, 0 doubled", said, not lost and not doubled)
        )

    def _leases(self, service: Service) -> None:
        print(f"{LEASES} leases lost ...", flush=True)
        with Load(service.url, service.key) as load:
            while len(load.promises) < LEASES:
                time.sleep(0.1)
        asyncio.run(faults.lose_leases(service.database_url, LEASES))
        began = time.monotonic()
        while asyncio.run(faults.lost_leases(service.database_url)) and time.monotonic() - began < WHOLE:
            time.sleep(0.1)
        took, interval = time.monotonic() - began, int(SETTINGS["SAMPLEBANK_SWEEP_INTERVAL"])
        self.rows.append(
            Row(
                f"{LEASES} leases lost",
                1,
                f"<= {2 * interval} s",
                f"back after {took:.1f} s",
                took <= 2 * interval,
            )
        )

    def _idle(self, service: Service) -> None:
        print(f"{IDLE} idle connections ...", flush=True)
        quiet = _p95(service)
        with faults.idle_connections(service.port, IDLE):
            crowded = _p95(service)
        said = f"p95 of a list {1000 * quiet:.1f} -> {1000 * crowded:.1f} ms"
        # Machines are noisy, so the bound is wide: the point is that nobody waits for an idle connection to end.
        self.rows.append(
            Row(f"{IDLE} idle connections", 1, "<= 2 times, or 50 ms", said, crowded <= max(2 * quiet, 0.05))
        )

    def _children(self, service: Service) -> None:
        print("children of the classifier killed ...", flush=True)
        with Load(service.url, service.key, size=200_000) as load:
            killed, end = 0, time.monotonic() + 15
            while time.monotonic() < end:
                killed += faults.kill(faults.children_of(service.pid, "samplebank.sandbox.child"))
                time.sleep(0.5)
        unknown = asyncio.run(faults.failed_types(service.database_url))
        said = f"{killed} killed beside {len(load.promises)} submissions, {unknown} types lost"
        self.rows.append(Row("children killed", killed, "0 types lost", said, unknown == 0))


def _p95(service: Service) -> float:
    times = []
    with httpx.Client(base_url=service.url, headers={"Argus-API-Key": service.key}, timeout=30) as client:
        for _ in range(200):
            began = time.perf_counter()
            client.get("/sampledb/v2/job").raise_for_status()
            times.append(time.perf_counter() - began)
    return statistics.quantiles(times, n=20)[-1]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m drill", description=__doc__)
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the data folders are made"
    )
    chosen = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="samplebank-drill-", dir=chosen.folder) as folder:
        drill = Drill(Path(folder))
        Path(folder).chmod(0o755)
        drill.run()
    table = Table(title=f"The drill, {time.monotonic() - began:.0f} s")
    for heading in ("fault", "rounds", "goal", "seen"):
        table.add_column(heading)
    for row in drill.rows:
        table.add_row(row.fault, str(row.rounds), row.goal, row.seen, style="" if row.good else "red")
    Console().print(table)
    return 0 if all(row.good for row in drill.rows) else 1


if __name__ == "__main__":
    sys.exit(main())
