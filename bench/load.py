"""Load from processes of their own, so that the clients never wait for the bench or for each other's interpreter."""

import asyncio
import multiprocessing
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
import uvloop

from bench.wire import Wire

#: what one client does with its share of the work until the deadline: it answers the seconds of each round
Client = Callable[[Wire, Sequence[Any], float], Awaitable[list[float]]]
#: seconds after which a load that should have ended is given up
GIVE_UP = 600


class Target(msgspec.Struct, frozen=True):
    host: str
    port: int
    key: str | None


class Outcome(msgspec.Struct, frozen=True):
    """Rounds, wall-clock seconds from the first start to the last end, and the seconds of each round."""

    rounds: int
    seconds: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        return self.rounds / self.seconds

    def percentile(self, percent: int) -> float:
        """In milliseconds."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]

    @property
    def median_ms(self) -> float:
        return 1000 * statistics.median(self.latencies)


def run(
    client: Client,
    target: Target,
    work: Sequence[Sequence[Any]],
    *,
    seconds: float = GIVE_UP / 2,
    processes: int = 2,
) -> Outcome:
    """One client for each item of `work`, spread over processes, all starting at once."""
    context = multiprocessing.get_context("spawn")
    shares = [share for share in (list(work[n::processes]) for n in range(processes)) if share]
    pipes = [context.Pipe() for _ in shares]
    children = [
        context.Process(target=_child, args=(far, client, target, share, seconds), daemon=True)
        for (_, far), share in zip(pipes, shares, strict=True)
    ]
    for child in children:
        child.start()
    try:
        for _, far in pipes:
            far.close()  # the child has its own copy, so that its end can be noticed here
        for near, _ in pipes:
            _receive(near)
        for near, _ in pipes:
            near.send("go")
        answers = [_receive(near) for near, _ in pipes]
    finally:
        for child in children:
            child.join(1)
            child.kill()
    began, ended = min(a[0] for a in answers), max(a[1] for a in answers)
    latencies = [latency for answer in answers for latency in answer[2]]
    return Outcome(len(latencies), ended - began, latencies)


def _receive(pipe: Any) -> Any:
    if not pipe.poll(GIVE_UP):
        raise TimeoutError("A load client did not answer.")
    try:
        answer = pipe.recv()
    except EOFError as error:
        raise RuntimeError("A load client died.") from error
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _child(pipe: Any, client: Client, target: Target, work: list[Any], seconds: float) -> None:
    try:
        pipe.send(uvloop.run(_load(pipe, client, target, work, seconds)))
    except Exception as error:  # noqa: BLE001 whatever it is, the bench shall tell it
        pipe.send(RuntimeError(f"{type(error).__name__}: {error}"))


async def _load(pipe: Any, client: Client, target: Target, work: list[Any], seconds: float) -> Any:
    wires = [await Wire.open(target.host, target.port, target.key) for _ in work]
    pipe.send("ready")
    await asyncio.to_thread(pipe.recv)
    began = time.monotonic()
    done = await asyncio.gather(
        *(client(wire, share, began + seconds) for wire, share in zip(wires, work, strict=True))
    )
    ended = time.monotonic()
    for wire in wires:
        wire.close()
    return began, ended, [latency for latencies in done for latency in latencies]
