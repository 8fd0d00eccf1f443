"""Rounds of work that comes back: each few seconds, and as soon as a signal arrives."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable

from prometheus_client import Counter, Gauge

from samplebank.assembly import Bank
from samplebank.blobs import HeldBack
from samplebank.database.failures import TROUBLE
from samplebank.database.signals import Signal
from samplebank.errors import Refusal, Unavailable
from samplebank.logs import Faults

faults = Faults(logging.getLogger("samplebank.maintenance"))
LAST_SWEEP = Gauge(
    "samplebank_sweep_timestamp_seconds",
    "When each part of the housework was last done.",
    ["sweep"],
    multiprocess_mode="max",
)
FAILED_SWEEPS = Counter("samplebank_sweep_failures", "Rounds of the housework that failed.", ["sweep"])
#: the rest after a round, in multiples of the time worked, and its most seconds
GATHERING, LONGEST_GATHERING = 9.0, 0.5

Sweep = Callable[[Bank], Awaitable[None]]
#: the seconds to rest after a round that worked for so many seconds
Rest = Callable[[float], float]


def no_rest(_: float) -> float:
    return 0.0


def gathering(worked: float) -> float:
    """Rest, so that more gathers for the next round: a round costs much more than one further piece of work in the round.

    The first piece of work after a quiet time waits for no rest.
    """
    return min(GATHERING * worked, LONGEST_GATHERING)


async def again_and_again(
    bank: Bank, sweep: Sweep, interval: float, signal: Signal | None, *, rest: Rest = no_rest
) -> None:
    """Run a sweep each `interval` seconds, and as soon as `signal` arrives, but never in the rest after a round."""
    FAILED_SWEEPS.labels(_name_of(sweep))  # from 0 on, so that the first failure is an increase
    async with contextlib.AsyncExitStack() as stack:
        arrived = asyncio.Event()
        if signal is not None:
            arrived = await stack.enter_async_context(bank.signals.listening(signal))
        while True:
            arrived.clear()
            began = time.monotonic()
            await _sweep_once(bank, sweep)
            await asyncio.sleep(rest(time.monotonic() - began))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(interval):
                    await arrived.wait()


def _name_of(sweep: Sweep) -> str:
    name: str = getattr(sweep, "func", sweep).__name__
    return name


async def _sweep_once(bank: Bank, sweep: Sweep) -> None:
    name = _name_of(sweep)
    try:
        await sweep(bank)
    except HeldBack as wait:
        # A backup or an upload is meant to hold removals back. Nobody has anything to mend.
        faults.mention("sweep.waits", kind=name, sweep=name, why=wait)
    except (Refusal, *TROUBLE) as error:
        FAILED_SWEEPS.labels(name).inc()
        faults.tell("sweep.failed", error, trace=not isinstance(error, Unavailable), sweep=name)
        return
    LAST_SWEEP.labels(name).set(bank.clock() / 1000)
