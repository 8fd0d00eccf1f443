"""Classifications of samples, and the queue of samples that wait for one."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from samplebank.database import Connection, Where, new_id, order_by
from samplebank.database.listing import Listing
from samplebank.samples.model import Classification
from samplebank.timespec import Millis

COLUMNS = "c.type, c.super_type, c.arch, c.platform, c.version, c.meta_data"
SORTS = {
    "createdTimestamp": "c.created_time",
    "version": "c.version",
    "type": "c.type",
    "superType": "c.super_type",
    "arch": "c.arch?",
    "platform": "c.platform?",
}
ASK = "UPDATE sample SET classification_wanted = true WHERE id = $1 RETURNING classification_id"
LATEST = f"""
    SELECT c.id, {COLUMNS} FROM sample s JOIN classification c ON c.id = s.classification_id WHERE s.id = $1
"""
WAITING = """
    SELECT id, sha256 FROM sample
     WHERE classification_wanted AND deleted_time IS NULL AND id <> ALL ($2) ORDER BY id LIMIT $1
"""
STORE = """
    WITH alive AS (
        UPDATE sample SET classification_id = $1, classification_wanted = false
         WHERE id = $2 AND deleted_time IS NULL RETURNING id
    )
    INSERT INTO classification (id, sample_id, type, super_type, arch, platform, version, meta_data, created_time)
    SELECT $1, id, $3, $4, $5, $6, $7, $8, $9 FROM alive
"""


def classifications_of(sample_id: int, sort: Sequence[str]) -> Listing[Classification]:
    where = Where()
    where.add("c.sample_id = {}", sample_id)
    return Listing(COLUMNS, "classification c", where, order_by(sort, SORTS, "c.id"), Classification)


async def ask_again(db: Connection, sample_id: int) -> UUID | None:
    """Put a sample into the queue; answers its latest classification as of now."""
    found: UUID | None = await db.fetchval(ASK, sample_id)
    return found


async def find_latest(db: Connection, sample_id: int) -> tuple[UUID, Classification] | None:
    row: Any = await db.fetchrow(LATEST, sample_id)
    return None if row is None else (row[0], Classification(*row[1:]))


async def waiting(db: Connection, most: int, *, without: Sequence[int] = ()) -> list[tuple[int, bytes]]:
    """(id, SHA-256) of samples that wait, the longest-waiting first, but those of `without`."""
    return [(row[0], row[1]) for row in await db.fetch(WAITING, most, without)]


async def store(db: Connection, sample_id: int, made: Classification, *, now: Millis) -> None:
    """Store what a sample was taken for. Of a sample deleted meanwhile nothing is stored."""
    await db.execute(
        STORE,
        new_id(),
        sample_id,
        made.type,
        made.super_type,
        made.arch,
        made.platform,
        made.version,
        made.meta_data,
        now,
    )
