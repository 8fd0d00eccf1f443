"""Classifications of samples, and the wish for another one."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from samplebank.database import Columns, Connection, Sql, Statement, order_by
from samplebank.database.listing import Listing
from samplebank.samples.model import Classification

COLUMNS = Columns.of(Classification, "c")
SORTS = {
    "createdTimestamp": "c.created_time",
    "version": "c.version",
    "type": "c.type",
    "superType": "c.super_type",
    "arch": "c.arch?",
    "platform": "c.platform?",
}
ASK = """
    UPDATE sample SET classification_wanted = true, classification_urgent = true, classification_doubtful = false
     WHERE id = $1 RETURNING classification_id
"""
LATEST = Statement(f"""
    SELECT s.classification_wanted AND s.deleted_time IS NULL, c.id, {COLUMNS.sql}
      FROM sample s LEFT JOIN classification c ON c.id = s.classification_id WHERE s.id = :sample_id
""")
HURRY = "UPDATE sample SET classification_urgent = true WHERE id = $1 AND classification_wanted"


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
