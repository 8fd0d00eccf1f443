"""The housekeeper: the process that holds the advisory lock does the housework, a single process at a time.

The housekeepers of all hosts classify samples, deliver events and run service tasks: what can be shared out by locked rows.
"""

import asyncio
import contextlib
import logging
from functools import partial

from prometheus_client import Counter, Gauge

from samplebank.assembly import Bank
from samplebank.database.failures import TROUBLE
from samplebank.database.signals import Signal
from samplebank.errors import Refusal, Unavailable
from samplebank.identification import Identifier
from samplebank.logs import Faults
from samplebank.maintenance.classifying import Classifying, forget_leases
from samplebank.maintenance.comparing import comparing_sweep
from samplebank.maintenance.election import reign
from samplebank.maintenance.forgetting import add_part, forget_old_events
from samplebank.maintenance.late_types import add_late_workers
from samplebank.maintenance.publishing import publish
from samplebank.maintenance.relays import open_relays
from samplebank.maintenance.scrubbing import scrub_sweep
from samplebank.maintenance.service_tasks import (
    end_bytes_retention,
    orphan_sweep,
    run_reanalyses,
    run_service_tasks,
)
from samplebank.maintenance.sweeps import (
    SWEEPS,
    Sweep,
    fold_tallies,
    generate_events,
    judge_parents,
    time_out_sweep,
)
from samplebank.settings import spare_cores
from samplebank.vital import vital

log = logging.getLogger("samplebank.maintenance")
faults = Faults(log)
LAST_SWEEP = Gauge(
    "samplebank_sweep_timestamp_seconds",
    "When each part of the housework was last done.",
    ["sweep"],
    multiprocess_mode="max",
)
FAILED_SWEEPS = Counter("samplebank_sweep_failures", "Rounds of the housework that failed.", ["sweep"])
#: seconds between looks for events to publish
PUBLISH_INTERVAL = 0.5
#: seconds between two rounds of event generation: many verdicts come without an event to generate
EVENTS_REST = 0.25
#: seconds between two looks for parents whose children are judged. No signal tells when the other tasks of a parent end
PARENTS_INTERVAL = 2.0
#: seconds between two foldings of the tallies: meanwhile some thousand rows change, at most
TALLY_INTERVAL = 2.0


async def keep_house(bank: Bank) -> None:
    """Do the shared work, and the housework once the process is elected, until cancelled.

    Raises `Deposed` when the election is lost. Then the process has to end: nothing else surely ends the work under way.
    """
    async with (
        vital(bank.signals.run(), "signals"),
        vital(_classify(bank), "classification"),
        vital(_deliver_and_run(bank), "relay and service tasks"),
    ):
        await reign(bank.database.url, partial(_housework, bank))


async def _classify(bank: Bank) -> None:
    settings = bank.settings
    children = settings.classification_children or spare_cores()
    identifier = Identifier(
        children=children,
        deadline_seconds=settings.classification_deadline,
        sandbox_required=settings.sandbox_required,
    )
    classifying, interval = Classifying(identifier), settings.sweep_interval
    rounds = [(classifying.classify_urgent, Signal.URGENT)]
    rounds += [(classifying.classify_new, Signal.UNCLASSIFIED)] * children
    rounds += [(classifying.classify_doubtful, Signal.UNCLASSIFIED)] * children
    async with identifier, asyncio.TaskGroup() as tasks:
        tasks.create_task(classifying.keep_leases(bank))
        for sweep, signal in rounds:
            tasks.create_task(_again_and_again(bank, sweep, interval, signal))


async def _deliver_and_run(bank: Bank) -> None:
    relays = open_relays(bank.settings)
    async with asyncio.TaskGroup() as tasks:
        for relay in relays:
            # Each by itself: a sink that is away delays no other sink.
            publish_on = partial(publish, relay=relay)
            tasks.create_task(_again_and_again(bank, publish_on, PUBLISH_INTERVAL, None))
        for run in (run_service_tasks, run_reanalyses):
            tasks.create_task(_again_and_again(bank, run, bank.settings.sweep_interval, Signal.SERVICE_TASKS))
        tasks.create_task(_again_and_again(bank, comparing_sweep(), bank.settings.sweep_interval, None))


async def _housework(bank: Bank) -> None:
    settings = bank.settings
    async with asyncio.TaskGroup() as tasks:
        for sweep in (
            time_out_sweep(),
            *SWEEPS,
            end_bytes_retention,
            orphan_sweep(),
            scrub_sweep(),
            forget_old_events,
            add_part,
            add_late_workers,
            forget_leases,
        ):
            tasks.create_task(_again_and_again(bank, sweep, settings.sweep_interval, None))
        tasks.create_task(
            _again_and_again(
                bank, generate_events, settings.sweep_interval, Signal.VERDICTS, rest=EVENTS_REST
            )
        )
        tasks.create_task(
            _again_and_again(bank, judge_parents, PARENTS_INTERVAL, Signal.VERDICTS, rest=EVENTS_REST)
        )
        tasks.create_task(_again_and_again(bank, fold_tallies, TALLY_INTERVAL, None))


async def _again_and_again(
    bank: Bank,
    sweep: Sweep,
    interval: float,
    signal: Signal | None,
    *,
    rest: float = 0,
) -> None:
    """Run a sweep each `interval` seconds, and as soon as `signal` arrives, but `rest` seconds apart."""
    FAILED_SWEEPS.labels(_name_of(sweep))  # from 0 on, so that the first failure is an increase
    async with contextlib.AsyncExitStack() as stack:
        arrived = asyncio.Event()
        if signal is not None:
            arrived = await stack.enter_async_context(bank.signals.listening(signal))
        while True:
            arrived.clear()
            await _sweep_once(bank, sweep)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(interval):
                    await arrived.wait()
            await asyncio.sleep(rest)


def _name_of(sweep: Sweep) -> str:
    name: str = getattr(sweep, "func", sweep).__name__
    return name


async def _sweep_once(bank: Bank, sweep: Sweep) -> None:
    name = _name_of(sweep)
    try:
        await sweep(bank)
    except (Refusal, *TROUBLE) as error:
        FAILED_SWEEPS.labels(name).inc()
        faults.tell("sweep.failed", error, trace=not isinstance(error, Unavailable), sweep=name)
    else:
        LAST_SWEEP.labels(name).set(bank.clock() / 1000)
