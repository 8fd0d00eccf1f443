"""Databases and processes that go away under load: every process answers again, nothing is lost, a housekeeper works."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.databases import connected
from bench.service import Service

from drill import faults
from drill.installations import installed
from drill.load import Load, broken, wholeness
from drill.rows import Row, Run
from samplebank.jobs.clock import LAST_DONE

#: seconds within which the service has to be whole again
WHOLE = 30.0
#: seconds of load before each blow
BETWEEN = 1.0
SETTINGS = {
    "SAMPLEBANK_PROCESSES": "2",
    "SAMPLEBANK_SWEEP_INTERVAL": "1",
    "SAMPLEBANK_SIMILAR_SUBMISSION_WINDOW": "0",
}


def on_own_database(fault: str, blow: Callable[[Service], None]) -> Run:
    """Blows against a service with its embedded database."""

    def run(folder: Path, rounds: int) -> Iterator[Row]:
        with installed(folder, SETTINGS) as service:
            service.start()
            yield _blows(fault, service, service.database_url, rounds, lambda: blow(service))

    return run


def on_external_database(fault: str, order: signal.Signals) -> Run:
    """Restarts of a database that does not belong to the service."""

    def run(folder: Path, rounds: int) -> Iterator[Row]:
        with _external(folder) as (service, external, url):
            yield _blows(fault, service, url, rounds, lambda: external.restart(order))

    return run


def terminate(service: Service) -> None:
    asyncio.run(faults.terminate_backends(service.database_url))


@contextmanager
def _external(folder: Path) -> Iterator[tuple[Service, faults.External, str]]:
    external = faults.External(folder / "external")
    with (
        external.running() as url,
        Service(folder, settings={**SETTINGS, "SAMPLEBANK_DATABASE_URL": url}) as service,
    ):
        service.start()
        yield service, external, url


def _blows(fault: str, service: Service, url: str, rounds: int, blow: Callable[[], None]) -> Row:
    with Load(service.url, service.key) as load:
        times = [_blow(service, url, blow) for _ in range(rounds)]
    lost, doubled = broken(service.url, service.key, load.promises)
    failures = load.answers["500"]
    well = [one for one in times if one is not None]
    slowest = f"whole after {max(well):.1f} s at most" if well else "never whole"
    never = f", {rounds - len(well)} times not" if well and len(well) < rounds else ""
    said = (
        f"{slowest}{never}, {failures} x 500; {len(load.promises):,} promised, {lost} lost, {doubled} doubled"
    )
    goal = f"all answer, housework done <= {WHOLE:.0f} s; 0 x 500, lost, doubled"
    return Row(fault, rounds, goal, said, len(well) == rounds and not failures + lost + doubled)


def _blow(service: Service, url: str, blow: Callable[[], None]) -> float | None:
    """One blow; seconds until all processes answer and the housework is done again, None where that takes too long."""
    time.sleep(BETWEEN)
    blow()
    began = time.monotonic()
    struck = time.time_ns() // 1_000_000
    if wholeness(service.url, WHOLE) is None:
        return None
    while time.monotonic() - began < WHOLE:
        if asyncio.run(_housework(url)) > struck:
            return time.monotonic() - began
        time.sleep(0.1)
    return None


async def _housework(url: str) -> int:
    """When the housework was done last, in milliseconds."""
    async with connected(url) as db:
        return await db.fetchval(LAST_DONE) or 0
