"""Adding and finding samples. A sample row exists only while the bytes exist (or as the record of a deleted sample)."""

from collections.abc import Iterable
from uuid import UUID

from samplebank.accounts.access import see_samples
from samplebank.accounts.caller import Caller, of_uploader
from samplebank.accounts.model import Permission
from samplebank.blobs import Digests
from samplebank.database import TRUE, Columns, Connection, Sql, Statement
from samplebank.errors import NotFound
from samplebank.samples.model import NO_SAMPLE, Sample
from samplebank.timespec import Millis

COLUMNS = Columns.of(Sample, "s")
ANY_STORED = "SELECT EXISTS (SELECT FROM sample WHERE deleted_time IS NULL)"
FIND_STORED = Statement(f"""
    SELECT {COLUMNS.sql} FROM sample s WHERE s.sha256 = :sha256 AND s.deleted_time IS NULL FOR KEY SHARE
""")
FIND_KNOWN = f"SELECT {COLUMNS.sql} FROM sample s WHERE s.sha256 = {{}} AND s.deleted_time IS NULL AND {{}}"
FIND_VISIBLE = f"SELECT {COLUMNS.sql} FROM sample s WHERE s.sha256 = {{}} AND ({{}})"


def added(readers: str, *, unread_since: str = ":now", condition: str = "") -> str:
    """Part of a statement: `sample_added` (id) is a new sample, or a deleted sample that comes back.

    Takes the parameters of `values`. `readers` and `unread_since` are expressions, `condition` may begin with FROM.
    """
    return f"""
    -- The row is locked in either case: ON CONFLICT also locks a row that stays unchanged.
    sample_added AS (
        INSERT INTO sample AS s
               (sha256, md5, sha1, sha512, size, created_time, activity_time, unread_since, readers, blob_token,
                charged_customer_id, charged_user_id, charged_key_id)
        SELECT :sha256::bytea, :md5::bytea, :sha1::bytea, :sha512::bytea, :size::bigint, :now::bigint, :now,
               {unread_since}, {readers}, :blob_token::bytea,
               :charged_customer_id::bigint, :charged_user_id::bigint, :charged_key_id::uuid
               {condition}
        ON CONFLICT (sha256) DO UPDATE
           SET md5 = excluded.md5, sha1 = excluded.sha1, sha512 = excluded.sha512,
               created_time = excluded.created_time, activity_time = excluded.activity_time,
               unread_since = excluded.unread_since, deleted_time = NULL, readers = excluded.readers,
               classification_id = NULL, verdict_id = NULL, classification_wanted = true,
               blob_token = excluded.blob_token, charged_customer_id = excluded.charged_customer_id,
               charged_user_id = excluded.charged_user_id, charged_key_id = excluded.charged_key_id
         WHERE s.deleted_time IS NOT NULL
           -- The deletion of a sample removes the object of the row. So the sample comes back with another object only.
           AND (excluded.blob_token IS NULL OR s.blob_token IS DISTINCT FROM excluded.blob_token)
        RETURNING id
    )
    """


#: Part of a statement: catalogues an upload, with the parameters of `values`. `sample_uploaded` (id, is_new) is empty when
#: another upload or deletion of the same bytes has ended since the statement began. Then nothing has been changed, and the
#: statement is to be repeated.
UPLOADED = f"""
    {added("ARRAY[:uploader::bigint]")},
    -- A known sample is looked up as of the start of the statement.
    sample_known AS (
        SELECT id FROM sample
         WHERE sha256 = :sha256 AND deleted_time IS NULL AND NOT EXISTS (SELECT FROM sample_added)
    ),
    sample_noted AS (
        UPDATE sample SET readers = :uploader || readers
         WHERE id = (SELECT id FROM sample_known) AND NOT readers @> ARRAY[:uploader]
    ),
    sample_uploaded AS (
        SELECT id, true AS is_new FROM sample_added UNION ALL SELECT id, false FROM sample_known
    )
"""


def values(
    digests: Digests, customer_id: int, user_id: int | None, *, key_id: UUID | None = None, now: Millis
) -> dict[str, object]:
    """The parameters of `UPLOADED`. `customer_id` is the customer of the uploader.

    Customer, user and key are charged with the bytes of a new sample. Without a user, the customer alone is charged.
    """
    return {
        "sha256": digests.sha256,
        "md5": digests.md5,
        "sha1": digests.sha1,
        "sha512": digests.sha512,
        "size": digests.size,
        "blob_token": digests.blob_token,
        "now": now,
        "uploader": of_uploader(customer_id),
        "charged_customer_id": customer_id,
        "charged_user_id": user_id,
        "charged_key_id": key_id,
    }


async def is_any_stored(db: Connection) -> bool:
    """Whether any sample should have bytes."""
    stored: bool = await db.fetchval(ANY_STORED)
    return stored


async def is_stored(db: Connection, sha256: bytes, known: Sql = TRUE) -> bool:
    """Whether the bytes of a sample `s` are there, among the `known`."""
    return await Sql(FIND_KNOWN, sha256, known).row(db) is not None


async def find_stored(db: Connection, sha256: bytes) -> Sample | None:
    """Find a sample, visible or not. The sample cannot be deleted until the transaction ends."""
    row = await FIND_STORED.row(db, sha256=sha256)
    return None if row is None else COLUMNS.read(row)


async def get_known(db: Connection, sha256: bytes, known: Sql = TRUE) -> Sample:
    """As `get_stored`, among the `known`, and without a lock. So nothing is written, and outside a transaction nothing is synced."""
    row = await Sql(FIND_KNOWN, sha256, known).row(db)
    if row is None:
        raise NotFound("There is no sample with this SHA-256.")
    return COLUMNS.read(row)


async def get_stored(db: Connection, sha256: bytes) -> Sample:
    """As `find_stored`; raises `NotFound`."""
    sample = await find_stored(db, sha256)
    if sample is None:
        raise NotFound("There is no sample with this SHA-256.")
    return sample


async def get_visible(db: Connection, caller: Caller, sha256: bytes, *permissions: Permission) -> Sample:
    """Get a sample that the caller may see by any of `permissions`. Raises `NotFound`."""
    row = await Sql(FIND_VISIBLE, sha256, see_samples(caller, "s", *permissions)).row(db)
    if row is None:
        raise NotFound(NO_SAMPLE)
    return COLUMNS.read(row)


async def get_undeleted(db: Connection, caller: Caller, sha256: bytes, *permissions: Permission) -> Sample:
    """As `get_visible`, for everything that needs the bytes: also raises `NotFound` for the record of a deleted sample."""
    sample = await get_visible(db, caller, sha256, *permissions)
    if sample.deleted_time is not None:
        raise NotFound(NO_SAMPLE)
    return sample


async def undeleted_among(
    db: Connection, caller: Caller, samples: Iterable[Sample], *permissions: Permission
) -> set[int]:
    """The ids of those of the samples whose bytes are there, and that the caller may see by any of `permissions`."""
    query = Sql(
        "SELECT s.id FROM sample s WHERE s.id = ANY({}::bigint[]) AND s.deleted_time IS NULL AND {}",
        [sample.id for sample in samples],
        see_samples(caller, "s", *permissions),
    )
    return {row[0] for row in await query.rows(db)}


async def note_activity(db: Connection, sample: Sample, *, now: Millis) -> None:
    """Move the last activity of a sample on to `now`, for the index window of searches."""
    await db.execute(
        "UPDATE sample SET activity_time = greatest(activity_time, $2) WHERE id = $1", sample.id, now
    )
