"""Makes load from separate processes. So a client never waits for the interpreter of the bench or of another client."""

import asyncio
import multiprocessing
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import msgspec
import uvloop

from bench.clients import WrongAnswer
from bench.wire import Wire

#: a client works until the deadline, and returns the seconds of each round
Client = Callable[[Wire, Any, float], Awaitable[list[float]]]
#: turns a piece of work into the input of a client
Make = Callable[[Any], Any]
#: seconds after which a hanging load is given up
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
        """A percentile of the seconds of a round, in milliseconds."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]

    @property
    def median_ms(self) -> float:
        return 1000 * statistics.median(self.latencies)


class Shares(msgspec.Struct, frozen=True):
    """Each client has work of its own."""

    shares: list[Sequence[Any]]

    def by_client(self) -> list[Iterable[Any]]:
        return list(self.shares)


class Pile(msgspec.Struct, frozen=True):
    """`clients` clients take work from one pile, so that all clients are at work until the end of the pile.

    `make` turns all pieces into inputs of the clients before the start.
    """

    pieces: Sequence[Any]
    clients: int
    make: Make

    def by_client(self) -> list[Iterable[Any]]:
        pile = iter([self.make(piece) for piece in self.pieces])
        return [pile] * self.clients


def run(
    client: Client,
    target: Target,
    work: Sequence[Sequence[Any]],
    *,
    seconds: float = GIVE_UP / 2,
    processes: int = 2,
) -> Outcome:
    """Run one client for each item of `work`, spread over processes. All clients start at once."""
    shares = [list(work[n::processes]) for n in range(processes)]
    return _run(client, target, [Shares(share) for share in shares if share], seconds)


def run_off(client: Client, target: Target, pile: Pile) -> Outcome:
    """Work off a pile from one process. The process must not be slower than the service."""
    return _run(client, target, [pile], GIVE_UP / 2)


def _run(client: Client, target: Target, works: Sequence[Shares | Pile], seconds: float) -> Outcome:
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe() for _ in works]
    children = [
        context.Process(target=_child, args=(far, client, target, work, seconds), daemon=True)
        for (_, far), work in zip(pipes, works, strict=True)
    ]
    for child in children:
        child.start()
    try:
        for _, far in pipes:
            far.close()  # only the child keeps this end open, so that the death of the child is noticed here
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


def _child(pipe: Any, client: Client, target: Target, work: Shares | Pile, seconds: float) -> None:
    try:
        pipe.send(uvloop.run(_load(pipe, client, target, work.by_client(), seconds)))
    except WrongAnswer as error:
        pipe.send(error)
    except Exception as error:  # noqa: BLE001 the bench tells any error
        pipe.send(RuntimeError(f"{type(error).__name__}: {error}"))


async def _load(
    pipe: Any, client: Client, target: Target, works: list[Iterable[Any]], seconds: float
) -> tuple[float, float, list[float]]:
    wires = [await Wire.open(target.host, target.port, target.key) for _ in works]
    pipe.send("ready")
    await asyncio.to_thread(pipe.recv)
    began = time.monotonic()
    done = await asyncio.gather(
        *(client(wire, work, began + seconds) for wire, work in zip(wires, works, strict=True))
    )
    ended = time.monotonic()
    for wire in wires:
        wire.close()
    return began, ended, [latency for latencies in done for latency in latencies]
