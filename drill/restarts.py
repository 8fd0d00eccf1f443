"""Databases and processes that go away under load: every process answers again, nothing is lost, a housekeeper works."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.service import Service

from drill import faults
from drill.housework import done_after
from drill.installations import installed
from drill.promises import broken
from drill.rows import Row, Run, Toll, came_back
from samplebank.rehearsal.load import Load, wholeness

#: seconds within which the service has to be whole again
WHOLE = 30.0
GOAL = f"all answer, housework done <= {WHOLE:.0f} s; 0 x 500, lost, doubled"
#: seconds of load before each blow: where a service has to start first, and where the service is whole
BETWEEN, BEFORE = 1.0, 0.3
#: seconds in which sessions are terminated one by one
ONE_BY_ONE = 2.5
SETTINGS = {
    "SAMPLEBANK_PROCESSES": "2",
    "SAMPLEBANK_SWEEP_INTERVAL": "1",
    "SAMPLEBANK_SIMILAR_SUBMISSION_WINDOW": "0",
}


def of_hosts(folder: Path, url: str) -> dict[str, str]:
    """The settings of each service of an installation with several: one database, and one store of blobs."""
    return {
        **SETTINGS,
        "SAMPLEBANK_DATABASE_URL": url,
        "SAMPLEBANK_BLOB_URL": f"file://{folder / 'blobs'}",
    }


def on_own_database(fault: str, blow: Callable[[Service], int], *, restarts: int = 0) -> Run:
    """Blows against a service with its embedded database. A blow returns its kills, and lets the database start `restarts` times."""

    def run(folder: Path, rounds: int) -> Iterator[Row]:
        with installed(folder, SETTINGS) as service:
            service.start()
            yield blows(
                fault,
                service,
                service.database_url,
                rounds,
                lambda: Toll(kills=blow(service), restarts=restarts),
            )

    return run


def on_external_database(fault: str, order: signal.Signals) -> Run:
    """Restarts of a database that does not belong to the service."""

    def run(folder: Path, rounds: int) -> Iterator[Row]:
        with _external(folder) as (service, external, url):

            def blow() -> Toll:
                external.restart(order)
                return Toll(restarts=1)

            yield blows(fault, service, url, rounds, blow)

    return run


def terminate(service: Service) -> int:
    """Terminate all sessions of the database."""
    return asyncio.run(faults.terminate_backends(service.database_url))


def terminate_one_by_one(service: Service) -> int:
    return asyncio.run(faults.terminate_one_by_one(service.database_url, ONE_BY_ONE))


@contextmanager
def _external(folder: Path) -> Iterator[tuple[Service, faults.External, str]]:
    external = faults.External(folder / "external")
    with (
        external.running() as url,
        Service(folder, settings={**SETTINGS, "SAMPLEBANK_DATABASE_URL": url}) as service,
    ):
        service.start()
        yield service, external, url


def blows(fault: str, service: Service, url: str, rounds: int, blow: Callable[[], Toll]) -> Row:
    with Load(service.url, service.key) as load:
        blows = [_blow(service, url, blow) for _ in range(rounds)]
    lost, doubled = broken(service.url, service.key, load.promises)
    failures = load.answers["500"]
    well = [whole for _, whole in blows if whole is not None]
    slowest = f"whole after {max(well):.1f} s at most" if well else "never whole"
    never = f", {rounds - len(well)} times not" if well and len(well) < rounds else ""
    toll = sum(
        (toll for toll, _ in blows),
        Toll(promised=len(load.promises), lost=lost, doubled=doubled)
        + came_back(whole for _, whole in blows),
    )
    kills = f"{toll.kills:,} kills; " if toll.kills else ""
    said = f"{kills}{slowest}{never}, {failures} x 500, {load.later} x 503, slowest answer {load.slowest:.1f} s; {toll.promised:,} promised, {lost} lost, {doubled} doubled"
    met = len(well) == rounds and not failures + lost + doubled
    return Row(fault, rounds, GOAL, said, met, toll)


def _blow(service: Service, url: str, blow: Callable[[], Toll]) -> tuple[Toll, float | None]:
    """One blow; seconds until all processes answer and the housework is done again, None where that takes too long."""
    time.sleep(BEFORE)
    toll = blow()
    began = time.monotonic()
    struck = time.time_ns() // 1_000_000
    if wholeness(service.url, WHOLE) is None:
        return toll, None
    if not asyncio.run(done_after(url, struck, WHOLE - (time.monotonic() - began))):
        return toll, None
    return toll, time.monotonic() - began
