"""Waiting that ends when a worker is told to stop."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager

from samplebank.logs import Faults
from samplebank.worker.errors import ServiceUnavailable

SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 30.0

log = logging.getLogger("samplebank.worker")
#: each task in hand meets a service that is away
faults = Faults(log)


async def until_stopped(stop: asyncio.Event, something: Coroutine[object, object, None]) -> None:
    """Do something until it is done, or until the event."""
    work, stopping = asyncio.create_task(something), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
    finally:
        work.cancel()
        stopping.cancel()
        await asyncio.gather(work, stopping, return_exceptions=True)


async def with_patience(stop: asyncio.Event, step: Callable[[], Awaitable[None]]) -> None:
    """Repeat a step until the service answers, or until the event."""
    pause = SHORTEST_PAUSE_SECONDS
    while not stop.is_set():
        try:
            await step()
        except ServiceUnavailable as error:
            faults.warn("service.unavailable", reason=str(error), pause=pause)
            await until_stopped(stop, asyncio.sleep(pause))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        else:
            return


@contextmanager
def stopping_at_signals() -> Iterator[asyncio.Event]:
    """An event that SIGTERM and Ctrl-C set for as long as the block lasts, in place of what these do otherwise."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def begin() -> None:
        if not stop.is_set():
            log.info("worker.stopping")
        stop.set()

    for number in usual:
        loop.add_signal_handler(number, begin)
    try:
        yield stop
    finally:
        for number, handler in usual.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
