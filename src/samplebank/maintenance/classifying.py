"""Classifies new samples, in a child process that may crash or hang at its own cost only."""

import asyncio
import logging
import time

from samplebank.assembly import Bank
from samplebank.blobs import Area
from samplebank.errors import NotFound
from samplebank.identification import Identifier
from samplebank.maintenance.courtesy import Courtesy
from samplebank.samples import classification
from samplebank.samples.model import Classification

log = logging.getLogger("samplebank.maintenance")
#: samples taken from the queue at once
BATCH = 50


async def classify_waiting(bank: Bank, identifier: Identifier) -> None:
    """Classify every sample that waits: a few at once, a flood of them when others leave a processor to it."""
    courtesy = Courtesy()
    while True:
        async with bank.database.connection() as db:
            waiting = await classification.waiting(db, BATCH)
        is_flood = len(waiting) == BATCH
        for sample_id, sha256 in waiting:
            began = time.monotonic()
            await _classify(bank, identifier, sample_id, sha256)
            if is_flood:
                await asyncio.sleep(courtesy.rest_after(time.monotonic() - began))
        if not is_flood:
            return


async def _classify(bank: Bank, identifier: Identifier, sample_id: int, sha256: bytes) -> None:
    made = await _identify(bank, identifier, sha256)
    async with bank.database.connection() as db:
        await classification.store(db, sample_id, made, now=bank.clock())


async def _identify(bank: Bank, identifier: Identifier, sha256: bytes) -> Classification:
    try:
        async with bank.blobs.local(Area.SAMPLE, sha256) as path:
            found = await identifier.identify(path)
    except NotFound as error:
        return Classification("unknown", "unknown", None, None, "", {"failure": str(error)})
    if "failure" in found.meta_data:
        log.warning(
            "classification.failed",
            extra={"fields": {"sample": sha256.hex(), "why": found.meta_data["failure"]}},
        )
    return Classification(
        found.type,
        found.super_type,
        found.arch,
        found.platform,
        found.version or "unknown",
        found.meta_data,
    )
