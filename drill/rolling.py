"""Two services behind a HAProxy are restarted in turn under load: no request fails, and nothing is lost."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench.service import Service

from drill import faults
from drill.balancer import NAMES, Balancer
from drill.promises import broken
from drill.restarts import BETWEEN, of_hosts
from drill.rows import Row, Toll
from samplebank.rehearsal.load import Load

GOAL = "0 failed but 503; 0 lost, doubled"


def run(folder: Path, rounds: int) -> Iterator[Row]:
    """Restart both services `rounds` times, taken out of the rotation before. With several rounds, do the same without."""
    external = faults.External(folder / "external")
    with external.running() as url, ExitStack() as stack:
        services = [stack.enter_context(Service(folder, settings=of_hosts(folder, url))) for _ in NAMES]
        for service in services:
            service.start()
        balancer = stack.enter_context(Balancer(folder, [one.port for one in services]).running())
        yield _rolled(balancer, services, rounds, is_drained=True)
        if rounds > 1:
            yield _rolled(balancer, services, rounds, is_drained=False)


def _rolled(balancer: Balancer, services: list[Service], rounds: int, *, is_drained: bool) -> Row:
    """The row for restarts under load. Without draining, requests may be cut off: the row only tells how many."""
    key = services[0].key
    with Load(balancer.url, key) as load:
        for _ in range(rounds):
            for name, service in zip(NAMES, services, strict=True):
                time.sleep(BETWEEN)
                _restart(balancer, name, service, is_drained=is_drained)
        time.sleep(BETWEEN)
    lost, doubled = broken(balancer.url, key, load.promises)
    asked = sum(load.answers.values())
    seen = f"{asked:,} requests, {load.failed} failed, {load.later} x 503; {len(load.promises):,} promised, {lost} lost, {doubled} doubled"
    fault = "two services restarted in turn, " + ("drained before" if is_drained else "not drained")
    goal = GOAL if is_drained else "0 lost, doubled"
    toll = Toll(promised=len(load.promises), lost=lost, doubled=doubled)
    return Row(fault, rounds, goal, seen, not lost + doubled + (load.failed if is_drained else 0), toll)


def _restart(balancer: Balancer, name: str, service: Service, *, is_drained: bool) -> None:
    if is_drained:
        balancer.drain(name)
    service.stop()
    service.start()
    balancer.admit(name)
