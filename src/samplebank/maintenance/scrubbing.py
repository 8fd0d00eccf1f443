"""Reads the stored bytes of samples and evidence again and again, little by little, and tells of damaged files."""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from itertools import cycle

from prometheus_client import Counter

from samplebank.assembly import Bank
from samplebank.blobs import Area, Blob
from samplebank.logs import Faults
from samplebank.service_tasks import leftovers

faults = Faults(logging.getLogger("samplebank.maintenance"))
DAMAGED = Counter("samplebank_damaged_blobs", "Stored files that were found missing or changed.", ["area"])
REMEDY = "upload the file again; `samplebank doctor --full` names all damaged files"
#: seconds of reading in each round, and names that are looked up at once
SECONDS, BATCH = 0.5, 50


def scrub_sweep(seconds: float = SECONDS) -> Callable[[Bank], Awaitable[None]]:
    """Make a sweep that reads some files in each round, in the order of names, from a random name on."""
    areas = cycle(Area)
    area, after = next(areas), secrets.token_bytes(32)

    async def scrub(bank: Bank) -> None:
        nonlocal area, after
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            async with bank.database.connection() as db:
                names = await leftovers.names_after(db, area, after, BATCH)
            if not names:
                area, after = next(areas), b""
                return
            for name in names:
                await _check(bank, area, name)
                after = name
                if time.monotonic() >= end:
                    return

    return scrub


async def _check(bank: Bank, area: Area, name: bytes) -> None:
    if await bank.blobs.is_sound(area, name):
        return
    async with bank.database.connection() as db:
        if await leftovers.without_row(db, area, [Blob(name)]):  # deleted meanwhile
            return
    DAMAGED.labels(area).inc()
    faults.report("blob.damaged", kind=area, area=area, sha256=name.hex(), remedy=REMEDY)
