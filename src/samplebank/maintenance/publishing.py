"""The relay, on every host: publishes the events of the feed to the configured sink. The housekeeper forgets old events."""

import asyncio
import logging

from samplebank.assembly import Bank
from samplebank.events import feed, outbox
from samplebank.events.outbox import Event
from samplebank.events.sinks import Message, Sink, Undelivered, Webhook
from samplebank.logs import Faults
from samplebank.maintenance.messages import message_of
from samplebank.timespec import Millis

log = logging.getLogger("samplebank.events")
faults = Faults(log)
#: events under way at once, each of another sample
AT_ONCE = 16
#: seconds between looks for further events while some are under way
LOOK_AGAIN = 0.5
FORGOTTEN_AT_ONCE = 5_000
#: milliseconds until others may take events from a relay that has gone, and seconds after which a delivery is given up before
LEASE: Millis = 30_000
LONGEST = 20.0


def open_sink(bank: Bank) -> Sink | None:
    """Open the sink that the settings ask for, if any."""
    settings = bank.settings
    if settings.webhook_url is None or settings.webhook_secret is None:
        return None
    return Webhook(settings.webhook_url, settings.webhook_secret)


async def publish(bank: Bank, sink: Sink) -> None:
    """Publish all due events. A receiver that is slow with an event holds up only events of the same sample."""
    under_way: dict[asyncio.Task[None], Event] = {}
    try:
        while True:
            async with bank.database.connection() as db:
                due = await outbox.take(db, AT_ONCE - len(under_way), lease=LEASE, now=bank.clock())
            for event in due:
                under_way[asyncio.create_task(_publish_one(bank, sink, event))] = event
            if not under_way:
                return
            done, _ = await asyncio.wait(under_way, timeout=LOOK_AGAIN, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                del under_way[task]
                task.result()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        if under_way:
            async with bank.database.connection() as db:
                await outbox.give_back(db, under_way.values(), now=bank.clock())


async def _publish_one(bank: Bank, sink: Sink, event: Event) -> None:
    async with bank.database.connection() as db:
        message = await message_of(db, event)
    try:
        await _deliver(sink, message, now=bank.clock())
    except Undelivered as error:
        async with bank.database.connection() as db:
            attempts = bank.settings.webhook_attempts
            gave_up = await outbox.note_failure(
                db, event, str(error), attempts, answered=error.answered, now=bank.clock()
            )
        if gave_up:
            fields = {"event": event.id, "attempt": event.attempts + 1, "why": str(error)}
            log.warning("event.dead", extra={"fields": fields})
        else:
            faults.tell("event.undelivered", error, trace=False, id=event.id, attempt=event.attempts + 1)
        return
    async with bank.database.connection() as db:
        await outbox.note_published(db, event)


async def _deliver(sink: Sink, message: Message, *, now: Millis) -> None:
    """Deliver within the lease: after the lease, others may deliver later events of the sample."""
    try:
        async with asyncio.timeout(LONGEST):
            await sink.deliver(message, now=now)
    except TimeoutError:
        raise Undelivered("The receiver took too long.", answered=False) from None


async def forget_old_events(bank: Bank) -> None:
    """Delete events, delivered or not, after their retention."""
    forgotten = FORGOTTEN_AT_ONCE
    while forgotten == FORGOTTEN_AT_ONCE:
        async with bank.database.connection() as db:
            before = bank.clock() - 1000 * bank.settings.event_retention
            forgotten = await feed.forget(db, before, FORGOTTEN_AT_ONCE)
