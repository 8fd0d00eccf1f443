"""The S3 server cut off from the service under load: uploads wait or are refused, nothing is lost, and all is ready again by itself."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

from bench.networks import Line, NoNetwork, network
from bench.ports import free_port
from bench.seaweed import S3Server
from bench.service import Service

from drill.objects import place_of, swept
from drill.promises import broken
from drill.restarts import BETWEEN, SETTINGS, WHOLE
from drill.rows import Row, Toll, came_back
from samplebank.rehearsal.load import Load, wholeness

FAULT = "the S3 server cut off from the service"
#: seconds of a cut: some end before the service gives a call up, and some later
SHORTEST, LONGEST = 1.0, 20.0
GOAL = f"ready again <= {WHOLE:.0f} s after the cut; 0 failed but 503; 0 lost, doubled, without bytes; no orphans after the sweep"


def run(folder: Path, rounds: int) -> Iterator[Row]:
    try:
        with network() as host:
            line = host.line()
            s3 = S3Server(folder / "s3", free_port, line).start()
            try:
                with Service(folder, settings={**SETTINGS, **place_of(s3)}) as service:
                    service.start()
                    yield _drill(service, s3, line, rounds)
            finally:
                s3.kill()
    except NoNetwork as error:
        yield Row(FAULT, 0, GOAL, f"left out: {error}", None)


def _drill(service: Service, s3: S3Server, line: Line, rounds: int) -> Row:
    with Load(service.url, service.key) as load:
        toll = came_back([_cut(service, line) for _ in range(rounds)])
    lost, doubled = broken(service.url, service.key, load.promises)
    agreement = swept(service, s3)
    toll += Toll(promised=len(load.promises), lost=lost, doubled=doubled)
    said = (
        f"ready again after {toll.whole:.1f} s at most, {toll.away} times not; {load.failed} failed, {load.later} x 503, "
        f"slowest answer {load.slowest:.1f} s; {toll.promised:,} promised, {lost} lost, {doubled} doubled; {agreement.said}"
    )
    met = not toll.away + load.failed + lost + doubled + agreement.wrong
    return Row(FAULT, rounds, GOAL, said, met, toll)


def _cut(service: Service, line: Line) -> float | None:
    """Cut the line for a while; the seconds after its end until every process was ready, None for too many."""
    time.sleep(BETWEEN)
    line.cut()
    try:
        time.sleep(random.uniform(SHORTEST, LONGEST))  # noqa: S311 no secret
    finally:
        line.mend()
    return wholeness(service.url, WHOLE)
