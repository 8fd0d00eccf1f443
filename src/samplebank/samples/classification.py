"""Classifications of samples, and the queue of samples that wait for one."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec

from samplebank.database import Columns, Connection, Sql, Statement, new_id, order_by
from samplebank.database.listing import Listing
from samplebank.samples.model import Classification
from samplebank.timespec import Millis

COLUMNS = Columns.of(Classification, "c")
SORTS = {
    "createdTimestamp": "c.created_time",
    "version": "c.version",
    "type": "c.type",
    "superType": "c.super_type",
    "arch": "c.arch?",
    "platform": "c.platform?",
}
ASK = "UPDATE sample SET classification_wanted = true, classification_urgent = true WHERE id = $1 RETURNING classification_id"
LATEST = Statement(f"""
    SELECT s.classification_wanted AND s.deleted_time IS NULL, c.id, {COLUMNS.sql}
      FROM sample s LEFT JOIN classification c ON c.id = s.classification_id WHERE s.id = :sample_id
""")
HURRY = "UPDATE sample SET classification_urgent = true WHERE id = $1 AND classification_wanted"
URGENT = """
    SELECT id, sha256 FROM sample
     WHERE classification_wanted AND classification_urgent AND deleted_time IS NULL AND id <> ALL ($2)
     ORDER BY id LIMIT $1
"""
# The customers of uploaders share the samples taken at once, so that no customer waits for the flood of another. Each look
# into the index finds one customer.
WAITING = """
    WITH RECURSIVE uploader(number, place) AS (
        (SELECT coalesce(readers[1], 0), 1 FROM sample WHERE classification_wanted
          ORDER BY coalesce(readers[1], 0) LIMIT 1)
        UNION ALL
        (SELECT following.number, uploader.place + 1 FROM uploader CROSS JOIN LATERAL (
            SELECT coalesce(s.readers[1], 0) AS number FROM sample s
             WHERE s.classification_wanted AND coalesce(s.readers[1], 0) > uploader.number
             ORDER BY coalesce(s.readers[1], 0) LIMIT 1
         ) following WHERE uploader.place < $1)
    )
    SELECT theirs.id, theirs.sha256 FROM uploader CROSS JOIN LATERAL (
        SELECT s.id, s.sha256, row_number() OVER (ORDER BY s.id) AS turn FROM sample s
         WHERE s.classification_wanted AND coalesce(s.readers[1], 0) = uploader.number
           AND s.deleted_time IS NULL AND s.id <> ALL ($2)
         ORDER BY s.id LIMIT $1
    ) theirs ORDER BY theirs.turn, theirs.id LIMIT $1
"""
# A sample whose bytes are missing keeps the present type.
GIVE_UP = """
    UPDATE sample SET classification_wanted = false, classification_urgent = false
     WHERE id = $1 AND classification_id IS NOT NULL RETURNING id
"""
STORE = Statement("""
    WITH alive AS (
        UPDATE sample SET classification_id = :id, classification_wanted = false, classification_urgent = false
         WHERE id = :sample_id AND deleted_time IS NULL RETURNING id
    )
    INSERT INTO classification (id, sample_id, type, super_type, arch, platform, version, meta_data, created_time)
    SELECT :id, id, :type, :super_type, :arch, :platform, :version, :meta_data, :now FROM alive
""")


def classifications_of(sample_id: int, sort: Sequence[str]) -> Listing[Classification]:
    where = Sql("c.sample_id = {}", sample_id)
    return Listing(COLUMNS, "classification c", where, order_by(sort, SORTS, "c.id"))


async def ask_again(db: Connection, sample_id: int) -> UUID | None:
    """Put a sample into the queue; answers the id of the latest classification so far."""
    found: UUID | None = await db.fetchval(ASK, sample_id)
    return found


class Progress(NamedTuple):
    """The latest classification of a sample, if it has one, and whether another one will come."""

    is_waiting: bool
    latest_id: UUID | None
    latest: Classification | None


async def progress_of(db: Connection, sample_id: int) -> Progress:
    """Neither deleted samples nor those whose bytes are missing are waiting."""
    row = await LATEST.row(db, sample_id=sample_id)
    if row is None:
        return Progress(is_waiting=False, latest_id=None, latest=None)
    is_waiting, id_, *made = row
    return Progress(is_waiting, id_, COLUMNS.read(made) if id_ else None)


async def hurry(db: Connection, sample_id: int) -> None:
    """Let a sample be classified before others, as somebody waits for the type."""
    await db.execute(HURRY, sample_id)


async def waiting(db: Connection, most: int, *, without: Sequence[int] = ()) -> list[tuple[int, bytes]]:
    """Find waiting samples, except `without`: (id, SHA-256), of each uploader's customer in turn the oldest."""
    return [(row[0], row[1]) for row in await db.fetch(WAITING, most, without)]


async def urgent(db: Connection, most: int, *, without: Sequence[int] = ()) -> list[tuple[int, bytes]]:
    """As `waiting`, but only samples that somebody waits for."""
    return [(row[0], row[1]) for row in await db.fetch(URGENT, most, without)]


async def give_up(db: Connection, sample_id: int) -> bool:
    """Leave a sample with the present type; False for a sample without a type."""
    return await db.fetchval(GIVE_UP, sample_id) is not None


async def store(db: Connection, sample_id: int, made: Classification, *, now: Millis) -> None:
    """Store the classification of a sample. For a sample deleted meanwhile nothing is stored."""
    await STORE.run(db, id=new_id(), sample_id=sample_id, now=now, **msgspec.structs.asdict(made))
