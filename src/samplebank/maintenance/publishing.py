"""The relay: publishes the outbox to the configured sink, and forgets what is old."""

import asyncio
import logging

from samplebank.assembly import Bank
from samplebank.events import outbox
from samplebank.events.outbox import Event
from samplebank.events.sinks import Sink, Undelivered, Webhook
from samplebank.maintenance.messages import message_of

log = logging.getLogger("samplebank.events")
#: events under way at once, each of another sample
AT_ONCE = 16
FORGOTTEN_AT_ONCE = 5_000


def open_sink(bank: Bank) -> Sink | None:
    """The sink that the settings ask for, if any."""
    settings = bank.settings
    if settings.webhook_url is None or settings.webhook_secret is None:
        return None
    return Webhook(settings.webhook_url, settings.webhook_secret)


async def publish(bank: Bank, sink: Sink) -> None:
    """Publish everything that is due."""
    due = True
    while due:
        async with bank.database.connection() as db:
            events = await outbox.next_events(db, AT_ONCE, now=bank.clock())
        due = bool(events)
        await asyncio.gather(*(_publish_one(bank, sink, event) for event in events))


async def _publish_one(bank: Bank, sink: Sink, event: Event) -> None:
    async with bank.database.connection() as db:
        message = await message_of(db, event)
    try:
        await sink.deliver(message, now=bank.clock())
    except Undelivered as error:
        async with bank.database.connection() as db:
            attempts = bank.settings.webhook_attempts
            gave_up = await outbox.note_failure(db, event, str(error), attempts, now=bank.clock())
        fields = {"event": event.id, "attempt": event.attempts + 1, "why": str(error)}
        log.warning("event.dead" if gave_up else "event.undelivered", extra={"fields": fields})
        return
    async with bank.database.connection() as db:
        await outbox.note_published(db, event, now=bank.clock())


async def forget_old_events(bank: Bank) -> None:
    """Delete events, delivered or not, after their retention."""
    forgotten = FORGOTTEN_AT_ONCE
    while forgotten == FORGOTTEN_AT_ONCE:
        async with bank.database.connection() as db:
            before = bank.clock() - 1000 * bank.settings.event_retention
            forgotten = await outbox.forget(db, before, FORGOTTEN_AT_ONCE)
