"""Events are forgotten after their retention: where there are many, a whole part of the outbox at once, else row by row."""

import logging
from contextlib import suppress

from samplebank.assembly import Bank
from samplebank.events import feed, outbox, parts
from samplebank.logs import Faults
from samplebank.timespec import Millis

FORGOTTEN_AT_ONCE = 5_000
UNDELIVERED = "the sink did not take the events within SAMPLEBANK_EVENT_RETENTION"
faults = Faults(logging.getLogger("samplebank.events"))


async def forget_old_events(bank: Bank) -> None:
    """Forget events, delivered or not, after their retention. The log tells which sinks had not got all of the events."""
    retention = 1000 * bank.settings.event_retention
    lacking = await _forget(bank, retention)
    async with bank.database.connection() as db:
        lacking |= set(await outbox.that_miss_events(db, bank.settings.sinks))
    for sink in sorted(lacking.intersection(bank.settings.sinks)):
        faults.report("events.forgotten", kind=sink, sink=sink, why=UNDELIVERED)


async def _forget(bank: Bank, retention: Millis) -> set[str]:
    """Forget old events; answers the sinks that had to deliver some. Events of a part that is dropped soon wait for the drop."""
    lacking = set[str]()
    while (dropped := await _drop_part(bank, retention)) is not None:
        lacking.update(dropped.sinks)
    async with bank.database.connection() as db:
        if await parts.is_dropped_soon(db, retention):
            return lacking
    events = FORGOTTEN_AT_ONCE
    while events == FORGOTTEN_AT_ONCE:
        async with bank.database.connection() as db:
            events, sinks = await feed.forget(db, bank.clock() - retention, FORGOTTEN_AT_ONCE)
        lacking.update(sinks)
    return lacking


async def _drop_part(bank: Bank, retention: Millis) -> parts.Dropped | None:
    """Drop the oldest part, if all its events are too old. A part in use is left for later."""
    with suppress(parts.InUse):
        async with bank.database.transaction() as db:
            return await parts.drop_old(db, bank.clock() - retention)
    return None


async def add_part(bank: Bank) -> None:
    """Add a part of the outbox before further events need the part."""
    with suppress(parts.InUse):
        async with bank.database.transaction() as db:
            await parts.add_ahead(db, 1000 * bank.settings.event_retention, now=bank.clock())
