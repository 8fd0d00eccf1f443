"""Classifies new samples, in a child process that may crash or hang at its own cost only."""

import logging

from samplebank.assembly import Bank
from samplebank.blobs import Area
from samplebank.errors import NotFound
from samplebank.identification import Identifier
from samplebank.samples import classification
from samplebank.samples.model import Classification

log = logging.getLogger("samplebank.maintenance")
#: samples taken from the queue at once
BATCH = 50


async def classify_waiting(bank: Bank, identifier: Identifier) -> None:
    """Classify every sample that waits."""
    while True:
        async with bank.database.connection() as db:
            waiting = await classification.waiting(db, BATCH)
        for sample_id, sha256 in waiting:
            made = await _identify(bank, identifier, sha256)
            async with bank.database.connection() as db:
                await classification.store(db, sample_id, made, now=bank.clock())
        if len(waiting) < BATCH:
            return


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
