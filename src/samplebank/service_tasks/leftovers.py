"""Bytes that belong to nothing any more: samples that nobody submits, and blobs without a row."""

from collections.abc import Sequence

from samplebank.blobs import Area, Blob, Blobs
from samplebank.database import Connection, Statement
from samplebank.installation import removals
from samplebank.samples.model import Sample
from samplebank.timespec import Millis

#: samples condemned in one transaction
BATCH = 100
#: seconds for which bytes without a row are left alone: an upload may still be under way
ORPHANED = 24 * 3600
#: an expression: whether the sample `s` may be submitted still, as somebody has an open challenge
MAY_BE_SUBMITTED = (
    "EXISTS (SELECT FROM challenge WHERE sample_id = s.id AND used_by IS NULL AND expiry_time > :now)"
)
UNREAD = Statement(f"""
    SELECT id, sha256, size, created_time, deleted_time FROM sample s
     WHERE unread_since <= :before AND NOT {MAY_BE_SUBMITTED} ORDER BY unread_since LIMIT :most
""")
STAYS = Statement(f"SELECT unread_since IS NULL OR {MAY_BE_SUBMITTED} FROM sample s WHERE id = :sample_id")
WITHOUT_ROW = {
    Area.SAMPLE: """
        SELECT name AS sha256, token FROM unnest($1::bytea[], $2::bytea[]) blob (name, token)
         WHERE NOT EXISTS (SELECT FROM sample WHERE sha256 = name AND deleted_time IS NULL
                                                AND (token IS NULL OR blob_token = token))
    """,
    Area.EVIDENCE: """
        SELECT name AS sha256, token FROM unnest($1::bytea[], $2::bytea[]) blob (name, token)
         WHERE NOT EXISTS (SELECT FROM evidence WHERE sha256 = name AND (token IS NULL OR blob_token = token))
    """,
}
NAMES_AFTER = {
    Area.SAMPLE: "SELECT sha256 FROM sample WHERE sha256 > $1 AND deleted_time IS NULL ORDER BY sha256 LIMIT $2",
    Area.EVIDENCE: "SELECT DISTINCT sha256 FROM evidence WHERE sha256 > $1 ORDER BY sha256 LIMIT $2",
}
# While the stand-in is not committed, an upload of the same bytes waits to insert the row of the sample.
STAND_IN = """
    INSERT INTO sample (sha256, size, created_time, activity_time, deleted_time) VALUES ($1, 0, $2, $2, $2)
    ON CONFLICT (sha256) DO NOTHING RETURNING id
"""
FORGET_STAND_IN = "DELETE FROM sample WHERE id = $1"
LOCK_DELETED = "SELECT id FROM sample WHERE sha256 = $1 AND deleted_time IS NOT NULL FOR UPDATE"


async def unread_samples(db: Connection, before: Millis, *, now: Millis) -> list[Sample]:
    """Find samples that have had no submission since `before`, the longest without a submission first.

    A sample that was uploaded again, or that a user has asked a challenge about, has time to be submitted.
    """
    return [Sample(**row) for row in await UNREAD.rows(db, before=before, most=BATCH, now=now)]


async def stays(db: Connection, sample_id: int, *, now: Millis) -> bool:
    """Whether a sample that had no submission for long has one by now, or may get one. The caller holds the lock of the sample."""
    answer: bool = await STAYS.value(db, sample_id=sample_id, now=now)
    return answer


async def names_after(db: Connection, area: Area, after: bytes, most: int) -> list[bytes]:
    """Find the next names of stored rows, in the order of names."""
    return [row[0] for row in await db.fetch(NAMES_AFTER[area], after, most)]


async def without_row(db: Connection, area: Area, blobs: Sequence[Blob]) -> list[Blob]:
    """Find the blobs that no row has, as far as can be seen without a lock."""
    names, tokens = [blob.sha256 for blob in blobs], [blob.token for blob in blobs]
    return [Blob(**row) for row in await db.fetch(WITHOUT_ROW[area], names, tokens)]


async def remove_unused_sample(db: Connection, blobs: Blobs, blob: Blob, *, now: Millis) -> bool:
    """Remove the bytes of a sample that is not there. Whether the bytes were removed. Uploads of the same bytes wait.

    No upload comes back to an object that no row names, so the removal of an object needs no lock.
    """
    sha256 = blob.sha256
    if blob.token is not None:
        await removals.remove(db, blobs, Area.SAMPLE, blob)
        return True
    stand_in = await db.fetchval(STAND_IN, sha256, now)
    if stand_in is None and await db.fetchval(LOCK_DELETED, sha256) is None:
        return False
    await removals.remove(db, blobs, Area.SAMPLE, blob)
    if stand_in is not None:
        await db.execute(FORGET_STAND_IN, stand_in)
    return True
