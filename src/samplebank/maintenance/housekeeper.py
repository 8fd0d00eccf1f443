"""The housekeeper: one process at a time does the housework, whoever holds the advisory lock."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import asyncpg

from samplebank.assembly import Bank
from samplebank.database.failures import GONE
from samplebank.database.signals import Signal
from samplebank.errors import Refusal
from samplebank.identification import Identifier
from samplebank.maintenance.classifying import classify_waiting
from samplebank.maintenance.publishing import forget_old_events, open_sink, publish
from samplebank.maintenance.sweeps import SWEEPS, Sweep, fold_tally, generate_events
from samplebank.maintenance.tasks import end_bytes_retention, orphan_sweep, run_service_tasks

log = logging.getLogger("samplebank.maintenance")
LOCK = 0x5A4B_0003
#: seconds between looks for events to publish
PUBLISH_INTERVAL = 0.5
#: seconds between two rounds of event generation, as many verdicts come with no event to generate
EVENTS_REST = 0.25
#: seconds in which some thousand jobs change at most
TALLY_INTERVAL = 2.0
#: seconds between attempts to become the one
ELECTION = 2.0


async def keep_house(bank: Bank) -> None:
    """Do the housework whenever this process is elected, until cancelled."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bank.signals.run())
        while True:
            with contextlib.suppress(*GONE, asyncpg.PostgresError):
                await _keep_house_once(bank)
            await asyncio.sleep(ELECTION)


async def _keep_house_once(bank: Bank) -> None:
    """Take the lock on a connection of its own; losing that connection is losing the election."""
    db: asyncpg.Connection[Any] = await asyncpg.connect(bank.database.url)
    lost = asyncio.Event()
    db.add_termination_listener(lambda _: lost.set())
    try:
        while not await db.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
            await asyncio.wait({asyncio.create_task(lost.wait())}, timeout=ELECTION)
        log.info("housekeeper.elected")
        housework = asyncio.create_task(_housework(bank))
        losing = asyncio.create_task(lost.wait())
        try:
            await asyncio.wait({housework, losing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            losing.cancel()
            housework.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await housework
    finally:
        with contextlib.suppress(*GONE):
            await db.close(timeout=2)


async def _housework(bank: Bank) -> None:
    settings = bank.settings
    identifier = Identifier(deadline_seconds=settings.classification_deadline, readable=None)
    sink = open_sink(bank)
    async with identifier, asyncio.TaskGroup() as tasks:
        if sink is not None:
            relay = partial(publish, sink=sink)
            tasks.create_task(_again_and_again(bank, relay, PUBLISH_INTERVAL, None))
        for sweep in (*SWEEPS, end_bytes_retention, orphan_sweep(), forget_old_events):
            tasks.create_task(_again_and_again(bank, sweep, settings.sweep_interval, None))
        tasks.create_task(
            _again_and_again(
                bank, generate_events, settings.sweep_interval, Signal.VERDICTS, rest=EVENTS_REST
            )
        )
        tasks.create_task(_again_and_again(bank, fold_tally, TALLY_INTERVAL, None))
        tasks.create_task(
            _again_and_again(bank, run_service_tasks, settings.sweep_interval, Signal.SERVICE_TASKS)
        )
        tasks.create_task(
            _again_and_again(
                bank, lambda b: classify_waiting(b, identifier), settings.sweep_interval, Signal.UNCLASSIFIED
            ),
        )


async def _again_and_again(
    bank: Bank,
    sweep: Sweep | Callable[[Bank], Awaitable[None]],
    interval: float,
    signal: Signal | None,
    *,
    rest: float = 0,
) -> None:
    """Run a sweep each `interval` seconds, and as soon as `signal` arrives, but `rest` seconds apart."""
    async with contextlib.AsyncExitStack() as stack:
        arrived = asyncio.Event()
        if signal is not None:
            arrived = await stack.enter_async_context(bank.signals.listening(signal))
        while True:
            arrived.clear()
            try:
                await sweep(bank)
            except (Refusal, asyncpg.PostgresError, OSError):
                log.exception(
                    "sweep.failed", extra={"fields": {"sweep": getattr(sweep, "__name__", "classify")}}
                )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(arrived.wait(), interval)
            await asyncio.sleep(rest)
