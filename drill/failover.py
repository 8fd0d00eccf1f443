"""The primary of two databases dies under load, and the standby takes over: only 503 meanwhile, and nothing is lost."""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.ports import free_port
from bench.postgres import Postgres
from bench.service import Service

from drill.promises import broken
from drill.restarts import BETWEEN, SETTINGS, WHOLE
from drill.rows import Row, Toll, came_back
from samplebank.rehearsal.load import Load, wholeness

GOAL = f"all answer <= {WHOLE:.0f} s; 0 failed but 503; 0 lost, doubled"
#: every answer of 2xx is on the standby, too
SYNCHRONOUS = "ALTER SYSTEM SET synchronous_standby_names = '*'"


class Seen(NamedTuple):
    """What a round gave: seconds until the service was whole, None for never, and counts."""

    whole: float | None
    failed: int
    later: int
    promised: int
    lost: int
    doubled: int


def run(folder: Path, rounds: int) -> Iterator[Row]:
    seen = [_round(folder / f"round-{number}") for number in range(rounds)]
    well = [one.whole for one in seen if one.whole is not None]
    failed, later, promised, lost, doubled = (
        sum(numbers) for numbers in zip(*((one[1:]) for one in seen), strict=True)
    )
    whole = f"{len(well)} of {rounds} whole" + (f" after {max(well):.1f} s at most" if well else "")
    said = f"{whole}; {failed} failed, {later} x 503; {promised:,} promised, {lost} lost, {doubled} doubled"
    met = len(well) == rounds and not failed + lost + doubled
    toll = Toll(rounds, rounds, promised=promised, lost=lost, doubled=doubled)
    toll += came_back(one.whole for one in seen)
    yield Row("primary killed, synchronous standby promoted", rounds, GOAL, said, met, toll)


def _round(folder: Path) -> Seen:
    with _pair(folder) as (primary, standby):
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in (primary, standby))
        url = f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write"
        with Service(folder, settings={**SETTINGS, "SAMPLEBANK_DATABASE_URL": url}) as service:
            service.start()
            with Load(service.url, service.key) as load:
                time.sleep(BETWEEN)
                primary.kill()
                standby.promote()
                whole = wholeness(service.url, WHOLE)
                time.sleep(BETWEEN)
            lost, doubled = broken(service.url, service.key, load.promises)
    return Seen(whole, load.failed, load.later, len(load.promises), lost, doubled)


@contextlib.contextmanager
def _pair(folder: Path) -> Iterator[tuple[Postgres, Postgres]]:
    """A primary, and a standby whose word each commit waits for."""
    for name in ("primary", "standby"):
        (folder / name).mkdir(parents=True)
    primary = Postgres(folder / "primary", free_port())
    primary.start()
    try:
        standby = Postgres(folder / "standby", free_port(), primary)
        standby.start()
        try:
            primary.order(SYNCHRONOUS)
            primary.order("SELECT pg_reload_conf()")
            yield primary, standby
        finally:
            standby.stop("immediate")
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):  # which was killed
            primary.stop("immediate")
