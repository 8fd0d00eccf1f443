"""Signs of life of workers: asking for work, or keeping a task. Noted beside the calls, never within a call."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Database, Statement
from samplebank.database.failures import TROUBLE
from samplebank.database.identifiers import find_id
from samplebank.errors import Unavailable
from samplebank.timespec import Millis

#: seconds for which a process of the service does not note the same process of a worker again
INTERVAL = 10.0
#: the most processes of workers that a process of the service remembers
MOST_REMEMBERED = 10_000
#: the processes that are kept of a worker and a user, the newest, and how many there may be until others are forgotten
MOST_KEPT, MOST_MET = 200, 400
#: milliseconds after which a process that gave no sign is forgotten
FORGOTTEN = 7 * 24 * 3_600_000
NOTE = Statement(f"""
    WITH
    signs AS (
        SELECT DISTINCT ON (w.id, s.user_id, s.label) w.id AS worker_id, s.*
          FROM jsonb_to_recordset(:signs::jsonb) AS s (
               id uuid, name text, user_id bigint, label text, agent_name text, agent_version text, customers bigint[],
               time bigint, due_time bigint)
          JOIN worker w ON w.id = s.id OR (s.id IS NULL AND w.short_name = s.name AND w.deleted_time IS NULL)
         ORDER BY w.id, s.user_id, s.label, s.time DESC
    ),
    seen AS (
        INSERT INTO worker_seen AS s (worker_id, seen_time)
        SELECT worker_id, max(time) FROM signs GROUP BY worker_id ORDER BY worker_id
        ON CONFLICT (worker_id) DO UPDATE SET seen_time = excluded.seen_time WHERE s.seen_time < excluded.seen_time
    )
    -- Users may name any number of processes. So each has places of the user's own, and takes none from others.
    INSERT INTO worker_process AS p (worker_id, user_id, label, agent_name, agent_version, customers, first_time, last_time,
                                     due_time)
    SELECT worker_id, user_id, label, agent_name, agent_version, customers, time, time, due_time
      FROM (SELECT signs.*, known.label IS NOT NULL AS is_known,
                   count(*) FILTER (WHERE known.label IS NULL)
                       OVER (PARTITION BY worker_id, user_id ORDER BY label) AS place
              FROM signs LEFT JOIN worker_process known USING (worker_id, user_id, label)) AS s
     WHERE is_known
        OR place + (SELECT count(*) FROM worker_process met
                     WHERE met.worker_id = s.worker_id AND met.user_id = s.user_id) <= {MOST_MET}
     ORDER BY worker_id, user_id, label
    ON CONFLICT (worker_id, user_id, label) DO UPDATE
       SET last_time = greatest(p.last_time, excluded.last_time), due_time = excluded.due_time,
           customers = excluded.customers, agent_name = coalesce(excluded.agent_name, p.agent_name),
           agent_version = coalesce(excluded.agent_version, p.agent_version)
""")
FORGET = Statement(f"""
    DELETE FROM worker_process p
     USING (SELECT worker_id, user_id, label,
                   row_number() OVER (PARTITION BY worker_id, user_id ORDER BY last_time DESC, label) AS place
              FROM worker_process) AS kept
     WHERE (p.worker_id, p.user_id, p.label) = (kept.worker_id, kept.user_id, kept.label)
       AND (kept.place > {MOST_KEPT} OR p.last_time < :before)
""")


class Process(NamedTuple):
    """A process of a worker, as the process names itself. Without a label, the processes of a user are one."""

    label: str = ""
    agent_name: str | None = None
    agent_version: str | None = None


class Sightings:
    """The workers that one process of the service sees."""

    def __init__(self, database: Database, clock: Callable[[], Millis]) -> None:
        self._database = database
        self._clock = clock
        self._noted: dict[tuple[str, int, str], float] = {}
        self._signs: list[dict[str, Any]] = []
        self._noting: asyncio.Task[None] | None = None

    def note(self, worker: str, caller: Caller, process: Process, *, expected: Millis) -> None:
        """Note a sign of life of a worker, by id or short name. The next sign is expected within `expected` milliseconds.

        The worker must exist, as the service remembers every name.
        """
        now = time.monotonic()
        key = (worker, caller.user.id, process.label)
        if now - self._noted.get(key, now - INTERVAL) < INTERVAL:
            return
        if len(self._noted) >= MOST_REMEMBERED:
            self._noted.clear()
        self._noted[key] = now
        scope = caller.scope(Permission.UPDATE_JOB, Permission.WORK_ON_CLAIMS)
        at = self._clock()
        self._signs.append(
            {
                "id": find_id(worker),
                "name": worker,
                "user_id": caller.user.id,
                **process._asdict(),
                "customers": None if scope.everywhere else sorted(scope.customers),
                "time": at,
                "due_time": at + expected,
            }
        )
        if self._noting is None:
            self._noting = asyncio.create_task(self._write())

    async def _write(self) -> None:
        """Write the signs. Signs that come meanwhile share the next statement."""
        try:
            while self._signs:
                signs, self._signs = self._signs, []
                # a busy or absent database loses the signs; each process gives the next sign soon
                with contextlib.suppress(Unavailable, *TROUBLE):
                    async with self._database.connection() as db:
                        await NOTE.run(db, signs=signs)
        finally:
            self._noting = None


async def forget_processes(db: Connection, *, now: Millis) -> None:
    """Forget processes that have given no sign for long, and those of a worker and a user beyond the newest."""
    await FORGET.run(db, before=now - FORGOTTEN)
