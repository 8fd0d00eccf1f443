"""Runs service tasks, one step at a time, and opens tasks that nobody asks for: the removal of leftovers.

Every host runs service tasks. A step locks the root of its task, and passes over a task whose root is locked. So a task found
running is between two steps, or was left by a process that died, and goes on.
"""

import logging
import socket
import time
from itertools import cycle, product
from uuid import UUID

import asyncpg

from samplebank.accounts.first_accounts import ADMIN
from samplebank.analyses import evidence
from samplebank.assembly import Bank
from samplebank.blobs import PARTS, Area, HeldBack
from samplebank.database.signals import Signal
from samplebank.errors import NotFound, Refusal, Unavailable
from samplebank.maintenance.rounds import Sweep
from samplebank.service_tasks import deletion, leftovers, operations, reanalysing, running
from samplebank.service_tasks.model import State, Tools

log = logging.getLogger("samplebank.maintenance")
#: deletions that are tried in a round of a backup; with more, tasks behind wait for the end of the backup
MOST_HELD = 100
#: seconds of a round for other tasks that are passed over, such as deletions whose bytes the store does not remove
PATIENCE = 10.0
#: errors that make a task fail; the last two are for tasks of another release, with other operations or arguments
FAILURES = (Refusal, asyncpg.PostgresError, OSError, LookupError, ValueError)


async def run_service_tasks(bank: Bank) -> None:
    """Run every waiting task that no other host is at. Tasks that cannot go on at the moment are passed over.

    Raises `Unavailable` in the end, where a task was passed over for another reason than a backup.
    """
    passed, held = set[UUID](), 0
    stuck: Unavailable | None = None
    wasted = 0.0
    while True:
        async with bank.database.connection() as db:
            found = await running.find_next(db, passed)
        if found is None:
            break
        await bank.directory.refresh(at_once=True)
        began = time.monotonic()
        try:
            if not await _run(bank, *found):
                passed.add(found[0])
        except HeldBack:
            passed.add(found[0])
            held += 1
            if held > MOST_HELD:
                raise
        except Unavailable as error:
            passed.add(found[0])
            stuck = error
            wasted += time.monotonic() - began
            if wasted > PATIENCE:
                raise
    if stuck is not None:
        raise stuck


async def run_reanalyses(bank: Bank) -> None:
    """Run every reanalysis as far as there is something to do, wake the workers, and tell who watches the reanalysis."""
    async with bank.database.connection() as db:
        found = await running.find_reanalyses(db)
        await reanalysing.forget_left(db)
    for id_, parent_id, correlation_id in found:
        if await _run(bank, id_, parent_id):
            bank.signals.tell(correlation_id)
        bank.signals.send(Signal.TASKS)


async def _run(bank: Bank, id_: UUID, parent_id: UUID | None) -> bool:
    """Run a task until the task ends or waits; answers whether anything was done.

    A task that cannot be done fails, and so does not stop other tasks.
    """
    try:
        state = await _step(bank, id_, parent_id)
        if state is None:
            return False
        while state is State.RUNNING:
            state = await _step(bank, id_, parent_id)
    except Unavailable:
        # the next sweep tries the task again
        raise
    except FAILURES as error:
        log.exception("service_task.failed", extra={"fields": {"task": id_}})
        async with bank.database.transaction() as db:
            said = f"The task cannot be done: {type(error).__name__}. The log of the service tells more."
            await running.fail(db, id_, parent_id, said, now=bank.clock())
        return True
    bank.signals.send(Signal.EVENTS)
    log.info("service_task.run", extra={"fields": {"task": id_, "state": state or "rests, or is elsewhere"}})
    return True


async def _step(bank: Bank, id_: UUID, parent_id: UUID | None) -> State | None:
    tools = Tools(bank.blobs, bank.directory, bank.policies, bank.job_rules.longest_wait)
    async with bank.database.transaction() as db:
        return await operations.run_step(db, id_, parent_id, socket.gethostname(), tools, now=bank.clock())


async def end_bytes_retention(bank: Bank) -> None:
    """Delete samples that nobody has submitted for long. An upload has time to be submitted in any case."""
    settings, now = bank.settings, bank.clock()
    kept = max(settings.bytes_retention, settings.challenge_ttl)
    async with bank.database.transaction() as db:
        unread = await leftovers.unread_samples(db, now - 1000 * kept, now=now)
        if not unread:
            return
        admin = await _get_admin(bank)
        for sample in unread:
            await deletion.open_deletion(db, sample, user_id=admin, now=now, only_unread=True)
    bank.signals.send(Signal.SERVICE_TASKS)


async def _get_admin(bank: Bank) -> int:
    await bank.directory.refresh()
    admin = bank.directory.find_subject(ADMIN)
    if admin is None:
        raise NotFound(f"There is no user {ADMIN} in whose name samples are deleted.")
    return admin.id


def orphan_sweep(older_than: float = leftovers.ORPHANED) -> Sweep:
    """Make a sweep that removes bytes without a row. Each round looks at another part of the bytes."""
    parts = cycle(product(range(PARTS), Area))

    async def remove_orphans(bank: Bank) -> None:
        prefix, area = next(parts)
        names = await bank.blobs.list_names(area, prefix, older_than)
        async with bank.database.connection() as db:
            orphans = await leftovers.without_row(db, area, names) if names else []
        for orphan in orphans:
            async with bank.database.transaction() as db:
                if area is Area.SAMPLE:
                    removed = await leftovers.remove_unused_sample(db, bank.blobs, orphan, now=bank.clock())
                else:
                    removed = await evidence.remove_unused(db, bank.blobs, orphan)
            if removed:
                log.info("orphan.removed", extra={"fields": {"area": area, "sha256": orphan.sha256.hex()}})

    return remove_orphans
