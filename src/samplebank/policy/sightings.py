"""When each worker was last seen: it asked for work, or kept a task. Noted beside the calls, never within them."""

import asyncio
import contextlib
import time
from collections.abc import Callable

from samplebank.database import Database, Where
from samplebank.database.failures import TROUBLE
from samplebank.errors import Unavailable
from samplebank.policy.workers import is_worker
from samplebank.timespec import Millis

#: seconds for which a worker that was seen is not noted again by one process
INTERVAL = 60.0
NOTE = """
    INSERT INTO worker_seen AS s (worker_id, seen_time) SELECT w.id, $1 FROM worker w WHERE {worker}
    ON CONFLICT (worker_id) DO UPDATE SET seen_time = excluded.seen_time WHERE s.seen_time < excluded.seen_time
"""


class Sightings:
    """What one process sees of the workers."""

    def __init__(self, database: Database, clock: Callable[[], Millis]) -> None:
        self._database = database
        self._clock = clock
        self._noted: dict[str, float] = {}
        #: the event loop itself only remembers tasks for as long as others do
        self._noting: set[asyncio.Task[None]] = set()

    def note(self, worker: str) -> None:
        """Note that the worker, by id or short name, was seen now; it exists, as the names are kept."""
        now = time.monotonic()
        if now - self._noted.get(worker, now - INTERVAL) < INTERVAL:
            return
        self._noted[worker] = now
        noting = asyncio.create_task(self._write(worker))
        self._noting.add(noting)
        noting.add_done_callback(self._noting.discard)

    async def _write(self, worker: str) -> None:
        where = Where()
        where.value(self._clock())
        is_worker(where, "w.id", worker)
        # what a busy or absent database keeps from being noted is noted a minute later
        with contextlib.suppress(Unavailable, *TROUBLE):
            async with self._database.connection() as db:
                await db.execute(NOTE.format(worker=where.sql), *where.parameters)
