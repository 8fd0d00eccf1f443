"""Rows and stored bytes, both ways: each row has its bytes, and all bytes have a row."""

import secrets
from collections.abc import AsyncIterator

from samplebank.assembly import Bank
from samplebank.blobs import PARTS, Area, Blob
from samplebank.checkup.model import Finding, advice, fault, good
from samplebank.service_tasks import leftovers

#: rows that are looked at in one step, and steps where not everything is looked at
BATCH, STEPS = 100, 5
#: parts of the store that are listed where not everything is looked at
SOME_PARTS = 4
#: no name is greater
LAST = b"\xff" * 32
#: names that a finding tells
TOLD = 5
NAMES = {Area.SAMPLE: "samples", Area.EVIDENCE: "evidence"}


async def examine_contents(bank: Bank, *, is_full: bool) -> list[Finding]:
    return [
        one
        for area in Area
        for one in (await _rows(bank, area, is_full=is_full), await _orphans(bank, area, is_full=is_full))
    ]


async def _rows(bank: Bank, area: Area, *, is_full: bool) -> Finding:
    """Whether the bytes of rows are there. With `is_full` all bytes are read, and compared with their names."""
    looked, damaged = 0, list[bytes]()
    async for name in _names(bank, area, is_full=is_full):
        looked += 1
        is_there = await (bank.blobs.is_sound(area, name) if is_full else bank.blobs.holds(area, name))
        if not is_there and await _has_row(bank, area, name):
            damaged.append(name)
    subject, how = f"bytes of {NAMES[area]}", "read and compared" if is_full else "looked for"
    if damaged:
        told = ", ".join(name.hex() for name in damaged[:TOLD])
        said = f"{len(damaged)} of {looked} files are missing or changed: {told}."
        return fault(
            subject,
            said,
            "Upload these files again, or bring them back from a backup (docs/backup.md of the source).",
        )
    some = "" if is_full else " `--full` reads all files."
    return good(subject, f"{looked} files were {how}, and all are there.{some}")


async def _names(bank: Bank, area: Area, *, is_full: bool) -> AsyncIterator[bytes]:
    """The names of all rows, or of some from a random name on."""
    start = b"" if is_full else secrets.token_bytes(32)
    after, end, steps = start, LAST, 0
    while is_full or steps < STEPS:
        async with bank.database.connection() as db:
            names = await leftovers.names_after(db, area, after, BATCH)
        for name in names:
            if name <= end:
                yield name
        if len(names) == BATCH:
            after, steps = names[-1], steps + 1
        elif end == LAST and start:  # from the first name to the start
            after, end, steps = b"", start, steps + 1
        else:
            return


async def _has_row(bank: Bank, area: Area, name: bytes) -> bool:
    """Whether the row is still there: the sample may have been deleted meanwhile."""
    async with bank.database.connection() as db:
        return not await leftovers.without_row(db, area, [Blob(name)])


async def _orphans(bank: Bank, area: Area, *, is_full: bool) -> Finding:
    parts = range(PARTS) if is_full else sorted({secrets.randbelow(PARTS) for _ in range(SOME_PARTS)})
    listed, orphans = 0, 0
    for part in parts:
        blobs = await bank.blobs.list_names(area, part, leftovers.ORPHANED)
        listed += len(blobs)
        if blobs:
            async with bank.database.connection() as db:
                orphans += len(await leftovers.without_row(db, area, blobs))
    subject = f"rows of {NAMES[area]}"
    if orphans:
        said = f"{orphans} of {listed} stored files belong to no row, and take room."
        return advice(subject, said, "The housekeeper removes these files in the course of some hours.")
    return good(subject, f"{listed} stored files of more than a day belong to a row each.")
