"""The clock of one of two hosts is stepped under load: no lease ends early or late, the host says so, and nothing is lost."""

import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bench.databases import connected
from bench.karton import program
from bench.service import Service

from drill import faults
from drill.clients import Line
from drill.housework import LOOK, done_after, last_done
from drill.promises import broken
from drill.restarts import WHOLE, of_hosts
from drill.rows import Row, Toll, came_back
from samplebank.rehearsal.load import Load, wholeness
from samplebank.rehearsal.processes import kill

#: seconds by which the clock is wrong, in turn; each step is followed by the step back
STEPS = (120, -120, 86_400)
WORKER = "static"
#: seconds of a lease that lasts through a round, and of a lease that ends during the step
LONG, SHORT = 90, 1
#: sweeps of the housework that a wrong clock lasts for at least: the first may have begun before the step
SWEEPS = 2
TAKEN_BACK = "SELECT count(*) FROM job_task WHERE id = $1 AND lease_token IS DISTINCT FROM $2"
FAULT = "clock of one of two hosts stepped by 120 s, -120 s, a day, and back"
GOAL = f"not ready meanwhile, ready again <= {WHOLE:.0f} s; 0 leases early or late, 0 failed but 503; 0 lost, doubled"


class Seen(NamedTuple):
    """What a round gave: seconds until the host was not ready, and ready after the step back (None for never), and leases."""

    noticed: float | None
    ready: float | None
    early: int
    late: int


class Clock:
    """The clock that the processes of a host read: the clock of this machine, and a number of seconds."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.step(0)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the host. The library reads the file whenever a process asks for the time."""
        return {
            "LD_PRELOAD": program("faketime"),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def step(self, seconds: int) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}s\n")
        new.replace(self._file)


class Hosts(NamedTuple):
    """Two services of one installation: the first does the housework, and `clock` is the first one's."""

    stepped: Service
    right: Service
    url: str
    clock: Clock
    #: the key of the workers
    robot: str


def run(folder: Path, rounds: int) -> Iterator[Row]:
    with _hosts(folder) as hosts:
        loads = [Load(one.url, hosts.stepped.key) for one in (hosts.stepped, hosts.right)]
        with ExitStack() as stack:
            for load in loads:
                stack.enter_context(load)
            seen = [_round(hosts, step) for step in itertools.islice(itertools.cycle(STEPS), rounds)]
        promises = [promise for load in loads for promise in load.promises]
        lost, doubled = broken(hosts.right.url, hosts.stepped.key, promises)
        elected = "housekeeper.elected" not in (hosts.right.folder / "service.log").read_text("utf-8")
    toll = Toll(promised=len(promises), lost=lost, doubled=doubled) + came_back(one.ready for one in seen)
    yield _row(seen, toll, failed=sum(load.failed for load in loads), has_worked=elected)


def _row(seen: list[Seen], toll: Toll, *, failed: int, has_worked: bool) -> Row:
    early, late = sum(one.early for one in seen), sum(one.late for one in seen)
    noticed = came_back(one.noticed for one in seen)
    said = (
        f"not ready after {noticed.whole:.1f} s at most, {noticed.away} times not; ready again after "
        f"{toll.whole:.1f} s at most, {toll.away} times not; {early} of {2 * len(seen)} leases ended early, {late} of {len(seen)} late; "
        f"{failed} failed; {toll.promised:,} promised, {toll.lost} lost, {toll.doubled} doubled"
    )
    if not has_worked:
        said += "; the other host did the housework for a while"
    met = has_worked and not noticed.away + toll.away + early + late + failed + toll.lost + toll.doubled
    return Row(FAULT, len(seen), GOAL, said, met, toll)


@contextmanager
def _hosts(folder: Path) -> Iterator[Hosts]:
    external = faults.External(folder / "external")
    clock = Clock(folder / "clock")
    with external.running() as url, ExitStack() as stack:
        shared = of_hosts(folder, url)
        stepped = stack.enter_context(Service(folder, settings={**shared, **clock.environment}))
        stack.callback(_kill, stepped)
        right = stack.enter_context(Service(folder, settings=shared))
        stepped.start()
        asyncio.run(done_after(url, 0, WHOLE))  # so the host is elected, as there is no other
        right.start()
        robot = json.loads(right.command("key", "create", "samplebank-workers", "--json"))["key"]
        yield Hosts(stepped, right, url, clock, robot)


def _kill(service: Service) -> None:
    """End the service at once: an orderly stop waits by the clock, which the library holds up."""
    kill([service.pid])


def _round(hosts: Hosts, seconds: int) -> Seen:
    """One step and the step back, with two leases that last, given before and after the step, and one that ends meanwhile."""
    right, stepped = Line(hosts.right, hosts.robot), Line(hosts.stepped, hosts.robot)
    before = _claim(right, LONG)
    began = time.monotonic()
    hosts.clock.step(seconds)
    noticed = wholeness(hosts.stepped.url, WHOLE, is_whole=False)
    after, short = _claim(stepped, LONG), _claim(stepped, SHORT)
    _sweep(hosts.url)
    is_late = not asyncio.run(_is_taken_back(hosts.url, short))
    is_held_meanwhile = _is_held(right, before)
    hosts.clock.step(0)
    ready = wholeness(hosts.stepped.url, WHOLE)
    _sweep(hosts.url)
    early = [is_held_meanwhile, _is_held(right, after)].count(False)
    if time.monotonic() - began > LONG:
        raise RuntimeError(f"The machine is too slow: a round took more than {LONG} s.")
    for line in (right, stepped):
        line.close()
    return Seen(noticed, ready, early, is_late)


def _sweep(url: str) -> None:
    """Wait until the housework has been done a few times."""
    for _ in range(SWEEPS):
        before = asyncio.run(last_done(url))
        asyncio.run(done_after(url, before, WHOLE))


def _claim(line: Line, seconds: int) -> dict[str, Any]:
    """A claim of a task with a lease of so many seconds, as soon as there is a task."""
    body = {"max": 1, "waitSeconds": 20, "leaseSeconds": seconds}
    status, answer = line.ask_json("POST", f"/samplebank/v1/worker/{WORKER}/claim", body)
    if status >= 300 or not answer["data"]:  # noqa: PLR2004 an HTTP status
        raise RuntimeError(f"A claim was answered with {status}: {answer}")
    claim: dict[str, Any] = answer["data"][0]
    return claim


def _is_held(line: Line, claim: dict[str, Any]) -> bool:
    """Whether the lease of the claim goes on."""
    body = {"leaseToken": claim["leaseToken"], "leaseSeconds": LONG}
    status, _ = line.ask_json("POST", f"/samplebank/v1/task/{claim['task']['id']}/heartbeat", body)
    return status < 300  # noqa: PLR2004 an HTTP status


async def _is_taken_back(url: str, claim: dict[str, Any]) -> bool:
    """Whether the task is taken back within the seconds that a service has to be whole again."""
    end = time.monotonic() + WHOLE
    async with connected(url) as db:
        while time.monotonic() < end:
            if await db.fetchval(TAKEN_BACK, claim["task"]["id"], claim["leaseToken"]):
                return True
            await asyncio.sleep(LOOK)
    return False
