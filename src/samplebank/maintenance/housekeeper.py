"""The housekeeper: the process that holds the advisory lock does the housework, a single process at a time.

The housekeepers of all hosts classify samples, deliver events and run service tasks: what can be shared out by locked rows.
Each removes the leftovers of uploads that broke off: some lie on the disk of the host.
"""

import asyncio
from functools import partial

from samplebank.assembly import Bank
from samplebank.database.signals import Signal
from samplebank.identification import Identifier
from samplebank.maintenance.classifying import Classifying, forget_leases
from samplebank.maintenance.comparing import comparing_sweep
from samplebank.maintenance.election import reign
from samplebank.maintenance.forgetting import add_part, forget_old_events
from samplebank.maintenance.late_types import add_late_workers
from samplebank.maintenance.publishing import publish
from samplebank.maintenance.relays import open_relays
from samplebank.maintenance.rounds import Rest, Sweep, again_and_again, gathering, no_rest
from samplebank.maintenance.scrubbing import scrub_sweep
from samplebank.maintenance.service_tasks import (
    end_bytes_retention,
    orphan_sweep,
    run_reanalyses,
    run_service_tasks,
)
from samplebank.maintenance.sweeps import (
    SWEEPS,
    fold_tallies,
    generate_events,
    judge_parents,
    remove_leftovers,
    retention_sweep,
    time_out_sweep,
)
from samplebank.settings import spare_cores
from samplebank.vital import vital

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
    rounds: list[tuple[Sweep, Signal, Rest]] = [(classifying.classify_urgent, Signal.URGENT, no_rest)]
    rounds += [(classifying.classify_new, Signal.UNCLASSIFIED, gathering)] * children
    rounds += [(classifying.classify_doubtful, Signal.UNCLASSIFIED, gathering)] * children
    async with identifier, asyncio.TaskGroup() as tasks:
        tasks.create_task(classifying.keep_leases(bank))
        for sweep, signal, rest in rounds:
            tasks.create_task(again_and_again(bank, sweep, interval, signal, rest=rest))


async def _deliver_and_run(bank: Bank) -> None:
    relays = open_relays(bank.settings)
    async with asyncio.TaskGroup() as tasks:
        for relay in relays:
            # Each by itself: a sink that is away delays no other sink.
            publish_on = partial(publish, relay=relay)
            tasks.create_task(again_and_again(bank, publish_on, PUBLISH_INTERVAL, None))
        for run in (run_service_tasks, run_reanalyses):
            tasks.create_task(again_and_again(bank, run, bank.settings.sweep_interval, Signal.SERVICE_TASKS))
        for sweep in (comparing_sweep(), remove_leftovers):
            tasks.create_task(again_and_again(bank, sweep, bank.settings.sweep_interval, None))


async def _housework(bank: Bank) -> None:
    settings = bank.settings
    async with asyncio.TaskGroup() as tasks:
        for sweep in (
            time_out_sweep(),
            retention_sweep(),
            *SWEEPS,
            end_bytes_retention,
            orphan_sweep(),
            scrub_sweep(),
            forget_old_events,
            add_part,
            add_late_workers,
            forget_leases,
        ):
            tasks.create_task(again_and_again(bank, sweep, settings.sweep_interval, None))
        for sweep, interval in (
            (generate_events, settings.sweep_interval),
            (judge_parents, PARENTS_INTERVAL),
        ):
            tasks.create_task(
                again_and_again(bank, sweep, interval, Signal.VERDICTS, rest=lambda _: EVENTS_REST)
            )
        tasks.create_task(again_and_again(bank, fold_tallies, TALLY_INTERVAL, None))
