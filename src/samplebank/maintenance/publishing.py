"""The relays, on every host: publish the events of the feed to the configured sinks."""

import asyncio
import logging
from collections import defaultdict

from samplebank.assembly import Bank
from samplebank.events import outbox
from samplebank.events.outbox import Event
from samplebank.events.sinks import Message, Sink, Undelivered
from samplebank.logs import Faults
from samplebank.maintenance.relays import Relay
from samplebank.timespec import Millis

log = logging.getLogger("samplebank.events")
#: by sink: a fault of one sink must not hide the same fault of another
faults: defaultdict[str, Faults] = defaultdict(lambda: Faults(log))
#: events under way at once, each of another sample, and among them events that were tried before
AT_ONCE = 16
AGAIN_AT_ONCE = 8
#: seconds between looks for further events while some are under way
LOOK_AGAIN = 0.5
#: milliseconds until others may take events from a relay that has gone, and seconds after which a delivery is given up before
LEASE: Millis = 30_000
LONGEST = 20.0


async def publish(bank: Bank, relay: Relay) -> None:
    """Publish all due events. A receiver that is slow with an event holds up only events of the same sample."""
    under_way: dict[asyncio.Task[None], Event] = {}
    try:
        while True:
            if await _is_ready(relay):
                async with bank.database.connection() as db:
                    most = AT_ONCE - len(under_way)
                    again = AGAIN_AT_ONCE - sum(event.is_again for event in under_way.values())
                    due = await outbox.take(db, relay.reader, most, again, lease=LEASE, now=bank.clock())
                for event in due:
                    under_way[asyncio.create_task(_publish_one(bank, relay, event))] = event
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
                await outbox.give_back(db, relay.reader.name, under_way.values(), now=bank.clock())


async def _is_ready(relay: Relay) -> bool:
    """Whether the sink takes events. A sink that is away is given none, so that none has to wait for a further attempt."""
    try:
        async with asyncio.timeout(LONGEST):
            await relay.sink.prepare()
    except Undelivered as error:
        _tell_away(relay, str(error))
        return False
    except TimeoutError:
        _tell_away(relay, "The receiver took too long.")
        return False
    return True


def _tell_away(relay: Relay, why: str, **fields: object) -> None:
    name = relay.reader.name
    away = Undelivered(why, answered=False)  # told by its kind, wherever the sink noticed
    faults[name].tell("event.undelivered", away, trace=False, sink=name, **fields)


async def _publish_one(bank: Bank, relay: Relay, event: Event) -> None:
    sink = relay.reader.name
    async with bank.database.connection() as db:
        message = await relay.message_of(db, event)
    try:
        if message is not None:
            await _deliver(relay.sink, message, now=bank.clock())
    except Undelivered as error:
        await _note_failure(bank, relay, event, error)
        return
    async with bank.database.connection() as db:
        await outbox.note_published(db, sink, event)


async def _note_failure(bank: Bank, relay: Relay, event: Event, error: Undelivered) -> None:
    sink, why, attempt = relay.reader.name, str(error), event.attempts + 1
    async with bank.database.connection() as db:
        gave_up = await outbox.note_failure(
            db, sink, event, why, attempts=relay.attempts, answered=error.answered, now=bank.clock()
        )
    if gave_up:
        faults[sink].warn("event.dead", sink=sink, event=event.id, attempt=attempt, why=why)
    else:
        _tell_away(relay, why, id=event.id, attempt=attempt)


async def _deliver(sink: Sink, message: Message, *, now: Millis) -> None:
    """Deliver within the lease: after the lease, others may deliver later events of the sample."""
    try:
        async with asyncio.timeout(LONGEST):
            await sink.deliver(message, now=now)
    except TimeoutError:
        raise Undelivered("The receiver took too long.", answered=False) from None
