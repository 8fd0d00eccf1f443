"""When each worker was last seen: asking for work, or keeping a task. Noted beside the calls, never within a call."""

import asyncio
import contextlib
import time
from collections.abc import Callable

from samplebank.database import Database, Sql
from samplebank.database.failures import TROUBLE
from samplebank.errors import Unavailable
from samplebank.policy.workers import is_worker
from samplebank.timespec import Millis

#: seconds for which a process does not note the same worker again
INTERVAL = 60.0
NOTE = """
    INSERT INTO worker_seen AS s (worker_id, seen_time) SELECT w.id, {now} FROM worker w WHERE {worker}
    ON CONFLICT (worker_id) DO UPDATE SET seen_time = excluded.seen_time WHERE s.seen_time < excluded.seen_time
"""


class Sightings:
    """The workers that one process sees."""

    def __init__(self, database: Database, clock: Callable[[], Millis]) -> None:
        self._database = database
        self._clock = clock
        self._noted: dict[str, float] = {}
        #: keeps the tasks alive: the event loop holds weak references only
        self._noting: set[asyncio.Task[None]] = set()

    def note(self, worker: str) -> None:
        """Note that a worker, by id or short name, was seen now. The worker must exist, as the process keeps every name."""
        now = time.monotonic()
        if now - self._noted.get(worker, now - INTERVAL) < INTERVAL:
            return
        self._noted[worker] = now
        noting = asyncio.create_task(self._write(worker))
        self._noting.add(noting)
        noting.add_done_callback(self._noting.discard)

    async def _write(self, worker: str) -> None:
        note = Sql(NOTE, now=self._clock(), worker=is_worker("w.id", worker))
        # a busy or absent database loses the sighting; the worker is noted again a minute later
        with contextlib.suppress(Unavailable, *TROUBLE):
            async with self._database.connection() as db:
                await note.run(db)
