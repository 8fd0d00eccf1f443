"""Service and S3 server killed in turn under load: nothing is lost, no row lacks its object, and the sweep leaves no orphans."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.ports import free_port
from bench.seaweed import S3Server
from bench.service import Service

from drill.housework import LOOK
from drill.objects import place_of, swept
from drill.promises import broken
from drill.restarts import SETTINGS, WHOLE
from drill.rows import Row, Toll, came_back
from samplebank.rehearsal.load import CLIENTS, Load, wholeness
from samplebank.rehearsal.processes import children, kill

#: web processes, which start beside each other
PROCESSES = 4
#: seconds within which a blow comes once all clients have submitted, so that blows meet each part of a request
MOMENT = 0.2
GOAL = f"all ready <= {WHOLE:.0f} s; 0 lost, doubled, without bytes; no orphans after the sweep"


def run(folder: Path, rounds: int) -> Iterator[Row]:
    s3 = S3Server(folder / "s3", free_port).start()
    try:
        with Service(
            folder, settings={**SETTINGS, **place_of(s3), "SAMPLEBANK_PROCESSES": str(PROCESSES)}
        ) as service:
            service.start()
            yield _drill(service, s3, rounds)
    finally:
        s3.kill()


def _drill(service: Service, s3: S3Server, rounds: int) -> Row:
    with Load(service.url, service.key) as load:
        told = [_blow(blow, service, s3, load) for _ in range(rounds) for blow in BLOWS]
    lost, doubled = broken(service.url, service.key, load.promises)
    agreement = swept(service, s3)
    kills = sum(one for one, _ in told)
    toll = Toll(kills, promised=len(load.promises), lost=lost, doubled=doubled)
    toll += came_back(whole for _, whole in told)
    said = (
        f"{kills:,} kills; {toll.back} of {len(told)} times whole, after {toll.whole:.1f} s at most; {toll.promised:,} promised, "
        f"{lost} lost, {doubled} doubled; {agreement.said}"
    )
    met = not toll.away + lost + doubled + agreement.wrong
    return Row("web processes, S3 server and service killed in turn", rounds, GOAL, said, met, toll)


def _kill_web(service: Service, _: S3Server) -> int:
    """Kill the web processes as soon as all are there: some may still be on their way back."""
    end = time.monotonic() + WHOLE
    while len(found := children(service.pid, " serve ")) < PROCESSES and time.monotonic() < end:
        time.sleep(LOOK)
    return kill(found)


def _kill_store(_: Service, s3: S3Server) -> int:
    s3.kill()
    s3.start()
    return 1


def _kill_service(service: Service, _: S3Server) -> int:
    kill([service.pid])
    service.stop()
    service.launch()
    return 1


#: the blows of a round: those at web processes, which store the objects and the rows, take the least time
BLOWS: Sequence[Callable[[Service, S3Server], int]] = (
    _kill_web,
    _kill_web,
    _kill_web,
    _kill_store,
    _kill_service,
)


def _blow(
    blow: Callable[[Service, S3Server], int], service: Service, s3: S3Server, load: Load
) -> tuple[int, float | None]:
    """One blow while clients submit; the kills, and the seconds until every process was ready again, None for too many."""
    enough = len(load.promises) + CLIENTS
    end = time.monotonic() + WHOLE
    while len(load.promises) < enough and time.monotonic() < end:
        time.sleep(LOOK)
    time.sleep(random.uniform(0, MOMENT))  # noqa: S311 no secret
    return blow(service, s3), wholeness(service.url, WHOLE)
