"""The cost of two hundred slow uploaders for all other clients."""

import asyncio
import multiprocessing
import time
from typing import Any

from bench import clients, load
from bench.clients import V2
from bench.figure import Figure, Surroundings
from bench.load import Target
from bench.service import Service
from bench.wire import Wire

UPLOADERS = 200
#: bytes that an uploader sends in a second, and pieces in a second
RATE, PIECES = 20 * 1024, 4
READY_SECONDS = 60
LIST = ("GET", f"{V2}/job?limit=25", b"")


def measure(service: Service, seconds: float, runs: int) -> list[Figure]:
    """p95 of lists during slow uploads, as a multiple of the p95 without slow uploads."""
    ratios, alone_ms, beside_ms = [], [], []
    with Surroundings(service.processes) as around:
        for _ in range(runs):
            alone_ms.append(_p95(service, seconds))
            with _Uploaders(service.target()):
                beside_ms.append(_p95(service, seconds))
            ratios.append(beside_ms[-1] / alone_ms[-1])
    note = f"{min(alone_ms):.1f} ms alone, {min(beside_ms):.1f} ms beside"
    name = f"list p95 beside {UPLOADERS} uploads at 20 KiB/s"
    return [around.mark(Figure(name, "times", ratios, 2, less=True, note=note))]


def _p95(service: Service, seconds: float) -> float:
    outcome = load.run(clients.ask_again, service.target(), [[LIST]], seconds=seconds, processes=1)
    return outcome.percentile(95)


class _Uploaders:
    """A process with connections that upload slowly. The end of the block breaks the uploads off."""

    def __init__(self, target: Target) -> None:
        context = multiprocessing.get_context("spawn")
        self._ready = context.Event()
        self._process = context.Process(target=_drip_all, args=(target, self._ready), daemon=True)

    def __enter__(self) -> None:
        self._process.start()
        if not self._ready.wait(READY_SECONDS):
            raise clients.WrongAnswer("the slow uploaders did not get going")

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()


def _drip_all(target: Target, ready: Any) -> None:
    asyncio.run(_drip(target, ready))


async def _drip(target: Target, ready: Any) -> None:
    wires = [await Wire.open(target.host, target.port, target.key) for _ in range(UPLOADERS)]
    for wire in wires:
        wire.begin_stream(f"{V2}/sample", 1 << 30)
    ready.set()
    piece = bytes(RATE // PIECES)
    while True:
        began = time.monotonic()
        for wire in wires:
            wire.send_piece(piece)
        await asyncio.sleep(max(0.0, 1 / PIECES - (time.monotonic() - began)))
