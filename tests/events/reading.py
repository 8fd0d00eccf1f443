"""Readers of the feed that a test plays."""

import asyncio

from kit.bank import PATIENCE
from samplebank.database import Connection
from samplebank.events import feed, outbox
from samplebank.events.feed import Place

ADD = "INSERT INTO outbox (sample_id, kind, payload, created_time) VALUES ($1, 'job', '{}', $2) RETURNING id"
READER = outbox.Reader("webhook", frozenset({"job", "verdict"}))


async def add(db: Connection, sample: int = 1, moment: int = 1) -> int:
    id_: int = await db.fetchval(ADD, sample, moment)
    return id_


async def read_on(db: Connection, place: Place, number: int, most: int = 100) -> tuple[list[int], Place]:
    """Read pages behind a place until there are so many events. Other transactions of the server may hold the feed up."""
    ids: list[int] = []
    async with asyncio.timeout(PATIENCE):
        while len(ids) < number:
            events, place = await feed.read(db, place, most)
            ids += [event.id for event in events]
            if not events:
                await db.execute("SELECT pg_sleep(0.01)")
    return ids, place
