"""Runs the statements of a cycle with the service's own code, straight on the database: no HTTP, no JSON, no log.

No service that keeps the same facts in the same tables can be faster on the same machine.
"""

import secrets
import statistics
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from bench import load
from bench.load import Target
from bench.wire import Wire
from samplebank.accounts.caller import Caller, of_customer
from samplebank.accounts.directory import Directory
from samplebank.accounts.keys import find_caller
from samplebank.database import Connection, Database, connect
from samplebank.endings.updates import update_task
from samplebank.jobs.claims import Claim, claim
from samplebank.jobs.model import JobRules, TaskState
from samplebank.jobs.progress import Move
from samplebank.policy.rules import PolicyBook
from samplebank.submissions.challenge import Tries
from samplebank.submissions.intake import Result, Token, submit
from samplebank.submissions.model import COLUMNS, NewSubmission

SIMILAR_WINDOW = 3_600_000
LEASE = 300_000
RULES = JobRules(max_attempts=3, malicious_score=70, longest_wait=3_600_000, longest_run=1_800_000)
TRIES = Tries(20, 24 * 3_600_000)


def rate(url: str, target: Target, worker: str, made: Sequence[tuple[str, str]], clients: int) -> float:
    """Cycles per second over `clients` busy connections.

    Leaves out the first tenth of the cycles, in which a connection plans its statements.
    """
    work = [[(url, target.key, worker), *made[n::clients]] for n in range(clients)]
    outcome = load.run(_cycles, target, work)
    return clients / statistics.fmean(outcome.latencies)


async def _cycles(_: Wire, work: Sequence[Any], deadline: float) -> list[float]:
    (url, key, worker), *made = work
    database = await connect(url, most=1, keep_plans=True)
    try:
        cycle = Cycle(database, worker, await _caller(database, key))
        latencies = []
        for sha256, token in made:
            began = time.monotonic()
            if began >= deadline:
                break
            await cycle.run(bytes.fromhex(sha256), UUID(token))
            latencies.append(time.monotonic() - began)
    finally:
        await database.close()
    return latencies[len(latencies) // 10 :]


async def _caller(database: Database, key: str) -> Caller:
    directory = Directory(database)
    await directory.refresh()
    async with database.connection() as db:
        caller = await find_caller(db, directory, key, now=_now())
    assert caller is not None  # noqa: S101 the service's own administrator
    return caller


class Cycle:
    """Submission -> job -> claim -> success -> verdict."""

    def __init__(self, database: Database, worker: str, caller: Caller) -> None:
        self._database = database
        self._worker = worker
        self._caller = caller
        self._book = PolicyBook()

    async def run(self, sha256: bytes, token: UUID) -> None:
        async def submitting(db: Connection, *, locking: bool = False) -> Result:
            return await self._submit(db, sha256, token, locking=locking)

        await self._database.optimistically(submitting)
        claimed = await self._claim()

        async def ending(db: Connection, *, locking: bool = False) -> object:
            move = Move(TaskState.SUCCESS, [], None, claimed.lease_token)
            job, task = str(claimed.job_id), str(claimed.task_id)
            return await update_task(
                db, self._caller, job, task, move, rules=RULES, now=_now(), locking=locking
            )

        await self._database.optimistically(ending)

    async def _submit(self, db: Connection, sha256: bytes, token: UUID, *, locking: bool) -> Result:
        user, now = self._caller.user, _now()
        new = NewSubmission(
            customer_id=user.customer.id,
            readers=[of_customer(user.customer.id)],
            tlp="amber",
            acl=[],
            file_name=f"invoice-{secrets.token_hex(4)}.exe",
            mime_type="application/octet-stream",
            agent_name="bench",
            agent_version="1",
            meta_data={"source": "mail", "queue": "q1"},
            observed_time=now,
            expiry_time=None,
            trusted_agent=False,
        )
        good = Token(token, sha256, secrets.token_bytes(32))
        return await submit(
            db, sha256, good, new, self._book,
            user_id=user.id, tries=TRIES, similar_window=SIMILAR_WINDOW, now=now, needs_type=True, locking=locking,
        )  # fmt: skip

    async def _claim(self) -> Claim:
        """Claim one task, of any connection. There is one task for each submission."""
        while True:
            async with self._database.connection() as db:
                turn = await claim(
                    db, self._caller, self._worker, most=1, now=_now(), lease=LEASE, cause=COLUMNS
                )
            if turn.claims:
                return turn.claims[0]


def _now() -> int:
    return time.time_ns() // 1_000_000
