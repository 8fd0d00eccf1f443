"""Reads the stored bytes of samples and evidence again and again, little by little, and tells of damaged files."""

import logging
import secrets
import time
from collections.abc import Callable
from itertools import cycle

from prometheus_client import Counter

from samplebank.assembly import Bank
from samplebank.blobs import Area, Blob
from samplebank.logs import Faults
from samplebank.maintenance.rounds import Sweep
from samplebank.service_tasks import leftovers

faults = Faults(logging.getLogger("samplebank.maintenance"))
DAMAGED = Counter("samplebank_damaged_blobs", "Stored files that were found missing or changed.", ["area"])
REMEDY = "upload the file again; `samplebank doctor --full` names all damaged files"
#: seconds of reading in each round at most, and names that are looked up at once
SECONDS, BATCH = 0.5, 50
#: seconds that all files of an area take at least, so that all files are read once a week
PASS = 3.5 * 24 * 3600
#: names are numbers below: digests, which lie evenly in the space of all names
SPACE = 1 << 256


def scrub_sweep(
    seconds: float = SECONDS,
    *,
    pass_seconds: float = PASS,
    start: int | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Sweep:
    """Make a sweep that reads some files in each round, in the order of names, from `start` on, else from a random name on.

    A round goes as far through the names as the time since the round before is a part of `pass_seconds`, and stops sooner
    after `seconds`.
    """
    areas = cycle(Area)
    area, place = next(areas), secrets.randbelow(SPACE) if start is None else start
    looked = clock()

    async def scrub(bank: Bank) -> None:
        nonlocal area, place, looked
        now = clock()
        passed, looked = now - looked, now
        goal = min(place + int(SPACE * min(passed / pass_seconds, 1.0)), SPACE)
        place = await _check_between(bank, area, place, goal, seconds)
        if place == SPACE:
            area, place = next(areas), 0

    return scrub


async def _check_between(bank: Bank, area: Area, place: int, goal: int, seconds: float) -> int:
    """Check the files from `place` to `goal`, for so many seconds. Answers the place up to which all were checked."""
    end = time.monotonic() + seconds
    while True:
        async with bank.database.connection() as db:
            names = await leftovers.names_after(db, area, place.to_bytes(32), BATCH)
        due = [name for name in names if int.from_bytes(name) <= goal]
        for name in due:
            await _check(bank, area, name)
            place = int.from_bytes(name)
            if time.monotonic() >= end:
                return place
        if len(due) < BATCH:
            return goal


async def _check(bank: Bank, area: Area, name: bytes) -> None:
    if await bank.blobs.is_sound(area, name):
        return
    async with bank.database.connection() as db:
        if await leftovers.without_row(db, area, [Blob(name)]):  # deleted meanwhile
            return
    DAMAGED.labels(area).inc()
    faults.report("blob.damaged", kind=area, area=area, sha256=name.hex(), remedy=REMEDY)
