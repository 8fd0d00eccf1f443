"""Adding and finding samples. A sample row exists only where its bytes do (or as the record of a deleted one)."""

from samplebank.accounts.access import Caller, of_uploader, see_samples
from samplebank.accounts.model import Permission
from samplebank.blobs import Digests, Staged
from samplebank.database import Connection, Where
from samplebank.errors import NotFound
from samplebank.samples.model import NO_SAMPLE, Sample
from samplebank.timespec import Millis

COLUMNS = "s.id, s.sha256, s.size, s.created_time, s.deleted_time"
KNOWN = f"SELECT {COLUMNS} FROM sample s WHERE s.sha256 = $1 AND s.deleted_time IS NULL"
FIND_STORED = f"{KNOWN} FOR KEY SHARE"
ADD = """
    INSERT INTO sample AS s (sha256, md5, sha1, sha512, size, created_time, activity_time, unread_since, readers)
    VALUES ($1, $2, $3, $4, $5, $6, $6, $6, ARRAY[$7::bigint])
    ON CONFLICT (sha256) DO UPDATE
       SET md5 = excluded.md5, sha1 = excluded.sha1, sha512 = excluded.sha512, created_time = excluded.created_time,
           activity_time = excluded.activity_time, unread_since = excluded.unread_since, deleted_time = NULL,
           readers = excluded.readers, classification_id = NULL, verdict_id = NULL, classification_wanted = true
     WHERE s.deleted_time IS NOT NULL
    RETURNING s.id, s.sha256, s.size, s.created_time, s.deleted_time
"""
NOTE_UPLOADER = (
    "UPDATE sample SET readers = $2::bigint || readers WHERE id = $1 AND NOT readers @> ARRAY[$2::bigint]"
)


async def add(db: Connection, staged: Staged, customer_id: int, *, now: Millis) -> tuple[Sample, bool]:
    """Catalogue the staged bytes, and keep them: (the sample, whether it was there before).

    `customer_id` is the uploader's own. The row is locked while the bytes get their name, so that the removal of the
    same bytes cannot come between.
    """
    digests: Digests = staged.digests
    uploader = of_uploader(customer_id)
    sample = await find_stored(db, digests.sha256)
    if sample is None:
        row = await db.fetchrow(
            ADD,
            digests.sha256,
            digests.md5,
            digests.sha1,
            digests.sha512,
            digests.size,
            now,
            uploader,
        )
        if row is not None:
            await staged.keep()
            return Sample(*row), False
        sample = await get_stored(db, digests.sha256)
    await db.execute(NOTE_UPLOADER, sample.id, uploader)
    return sample, True


async def find_stored(db: Connection, sha256: bytes) -> Sample | None:
    """The sample whether or not anybody may see it; it cannot be deleted until the transaction ends."""
    row = await db.fetchrow(FIND_STORED, sha256)
    return None if row is None else Sample(*row)


async def get_known(db: Connection, sha256: bytes) -> Sample:
    """As `get_stored`, without holding on to it: no lock is written, so outside a transaction nothing is synced."""
    row = await db.fetchrow(KNOWN, sha256)
    if row is None:
        raise NotFound("There is no sample with this SHA-256.")
    return Sample(*row)


async def get_stored(db: Connection, sha256: bytes) -> Sample:
    """As `find_stored`; raises `NotFound`."""
    sample = await find_stored(db, sha256)
    if sample is None:
        raise NotFound("There is no sample with this SHA-256.")
    return sample


async def get_visible(db: Connection, caller: Caller, sha256: bytes, *permissions: Permission) -> Sample:
    """The sample, if the caller may see it by any of `permissions`; else raises `NotFound`."""
    where = Where()
    where.add("s.sha256 = {}", sha256)
    see_samples(where, caller, "s", *permissions)
    row = await db.fetchrow(f"SELECT {COLUMNS} FROM sample s WHERE {where.sql}", *where.parameters)
    if row is None:
        raise NotFound(NO_SAMPLE)
    return Sample(*row)


async def get_undeleted(db: Connection, caller: Caller, sha256: bytes, *permissions: Permission) -> Sample:
    """As `get_visible`, but the record of a deleted sample counts as none: for everything that needs its bytes."""
    sample = await get_visible(db, caller, sha256, *permissions)
    if sample.deleted_time is not None:
        raise NotFound(NO_SAMPLE)
    return sample


async def note_activity(db: Connection, sample: Sample, *, now: Millis) -> None:
    """Move the last activity of a sample on, for the index window of searches."""
    await db.execute(
        "UPDATE sample SET activity_time = greatest(activity_time, $2) WHERE id = $1", sample.id, now
    )
