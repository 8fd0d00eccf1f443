"""Events are forgotten after their retention: where there are many, a whole part of the outbox at once, else row by row."""

from contextlib import suppress

from samplebank.assembly import Bank
from samplebank.events import feed, parts

FORGOTTEN_AT_ONCE = 5_000


async def forget_old_events(bank: Bank) -> None:
    """Forget events, delivered or not, after their retention. Events of a part that is dropped soon wait for the drop."""
    retention = 1000 * bank.settings.event_retention
    while await _drop_part(bank, retention):
        pass
    async with bank.database.connection() as db:
        if await parts.is_dropped_soon(db, retention):
            return
    forgotten = FORGOTTEN_AT_ONCE
    while forgotten == FORGOTTEN_AT_ONCE:
        async with bank.database.connection() as db:
            forgotten = await feed.forget(db, bank.clock() - retention, FORGOTTEN_AT_ONCE)


async def _drop_part(bank: Bank, retention: int) -> bool:
    """Drop the oldest part, if all its events are too old. Whether there may be another. A part in use is left for later."""
    with suppress(parts.InUse):
        async with bank.database.transaction() as db:
            return await parts.drop_old(db, bank.clock() - retention) is not None
    return False


async def add_part(bank: Bank) -> None:
    """Add a part of the outbox before further events need the part."""
    with suppress(parts.InUse):
        async with bank.database.transaction() as db:
            await parts.add_ahead(db, 1000 * bank.settings.event_retention, now=bank.clock())
