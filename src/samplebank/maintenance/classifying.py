"""Classifies new samples, in a child process. A crash or a hang costs only the child."""

import asyncio
import logging
import time
from collections import Counter

import asyncpg

from samplebank.assembly import Bank
from samplebank.blobs import Area
from samplebank.errors import NotFound
from samplebank.identification import Identification, Identifier, failed
from samplebank.logs import Faults
from samplebank.maintenance.courtesy import Courtesy
from samplebank.maintenance.late_types import add_late_workers
from samplebank.samples import classification
from samplebank.samples.model import Classification
from samplebank.sandbox import ChildKilled, Killed, NotStarted

log = logging.getLogger("samplebank.maintenance")
faults = Faults(log)
#: samples taken from the queue at once
BATCH = 50
#: rounds in which the identification of a sample may be disturbed, before the sample itself is taken for the reason
MOST_DISTURBED = 4


class Classifying:
    """Takes samples from the queue, and remembers the samples whose identification was disturbed by others."""

    def __init__(self, identifier: Identifier) -> None:
        self._identifier = identifier
        self._disturbed: Counter[int] = Counter()
        #: samples put off until the next round
        self._later: list[int] = []

    async def classify_waiting(self, bank: Bank) -> None:
        """Classify every waiting sample: few samples without a rest, a flood with rests while others want the processors.

        A sample that is not to blame for a failed identification waits for the next round.
        """
        courtesy = Courtesy()
        done: set[int] = set()
        is_flood = True
        await add_late_workers(bank)  # types stored by a classifier that ended before it could go on
        try:
            while is_flood:
                async with bank.database.connection() as db:
                    waiting = await classification.waiting(db, BATCH, without=self._later)
                is_flood = len(waiting) == BATCH
                for sample_id, sha256 in waiting:
                    began = time.monotonic()
                    if len(waiting) > 1:  # a single sample waits for no other
                        await self._hurry(bank, done)
                    if sample_id not in done:
                        await self._attempt(bank, sample_id, sha256)
                    if is_flood:
                        await asyncio.sleep(courtesy.rest_after(time.monotonic() - began))
        except NotStarted as error:  # the identification would not start for other samples, either
            faults.tell("classification.unavailable", error, trace=False)
        finally:
            self._later.clear()

    async def _hurry(self, bank: Bank, done: set[int]) -> None:
        """Classify the samples that somebody waits for, before all others."""
        async with bank.database.connection() as db:
            urgent = await classification.urgent(db, BATCH, without=self._later)
        for sample_id, sha256 in urgent:
            await self._attempt(bank, sample_id, sha256)
            done.add(sample_id)

    async def _attempt(self, bank: Bank, sample_id: int, sha256: bytes) -> None:
        """Classify a sample, or put the sample off to the next round where others disturb. Raises `NotStarted`."""
        try:
            await self._classify(bank, sample_id, sha256)
        except (ChildKilled, Killed, OSError) as error:
            faults.tell("classification.disturbed", error, trace=False, sample=sha256.hex())
            self._later.append(sample_id)

    async def _classify(self, bank: Bank, sample_id: int, sha256: bytes) -> None:
        try:
            found = await self._identified(bank, sample_id, sha256)
        except NotFound as error:
            async with bank.database.connection() as db:
                if await classification.give_up(db, sample_id):
                    return
            found = failed(str(error))
        if "failure" in found.meta_data:
            why = found.meta_data["failure"]
            log.warning("classification.failed", extra={"fields": {"sample": sha256.hex(), "why": why}})
        try:
            await _store(bank, sample_id, found)
        except asyncpg.DataError as error:  # a child taken over by a sample may answer anything
            faults.tell("classification.unstorable", error, trace=False, sample=sha256.hex())
            await _store(bank, sample_id, failed("The answer of the classifier cannot be stored."))
        await add_late_workers(bank, [sample_id])
        del self._disturbed[sample_id]

    async def _identified(self, bank: Bank, sample_id: int, sha256: bytes) -> Identification:
        """Identify a sample. Raises `Killed` or `OSError` while others may be to blame, `NotFound` without the bytes.

        After `MOST_DISTURBED` rounds the sample is to blame, and the identification counts as failed.
        """
        try:
            async with bank.blobs.local(Area.SAMPLE, sha256) as path:
                return await self._identifier.identify(path)
        except (Killed, OSError) as error:
            self._disturbed[sample_id] += 1
            if self._disturbed[sample_id] < MOST_DISTURBED:
                raise
            return failed(str(error))


async def _store(bank: Bank, sample_id: int, found: Identification) -> None:
    made = Classification(
        found.type,
        found.super_type,
        found.arch,
        found.platform,
        found.version,
        found.meta_data,
    )
    async with bank.database.connection() as db:
        await classification.store(db, sample_id, made, now=bank.clock())
