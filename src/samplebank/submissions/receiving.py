"""The rows that an upload leaves: the sample and a solved challenge, in a statement of its own.

A row without bytes is a lie. So the bytes get their name before the statement, and the upload holds the name until the
statement has ended.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from samplebank.blobs import Digests
from samplebank.database import Connection, Statement, new_id
from samplebank.errors import Unavailable
from samplebank.samples import catalogue
from samplebank.timespec import Millis

RECEIVE = Statement(f"""
    WITH {catalogue.UPLOADED},
    -- An uploader has just sent the bytes, and need not prove to hold the bytes: the digest is the answer.
    challenge_issued AS (
        INSERT INTO challenge (id, sample_id, user_id, answer, expiry_time)
        SELECT :token, id, :charged_user_id, :sha256, :expiry_time FROM sample_uploaded
    )
    SELECT is_new FROM sample_uploaded
""")
#: what `RECEIVE_NEW` is told of each file, by the types of PostgreSQL
TOLD = {
    **dict.fromkeys(("sha256", "md5", "sha1", "sha512", "blob_token"), "bytea"),
    **dict.fromkeys(
        ("size", "now", "uploader", "charged_customer_id", "charged_user_id", "expiry_time"), "bigint"
    ),
    **dict.fromkeys(("charged_key_id", "token"), "uuid"),
}
#: Catalogues new samples only. Every transaction that adds several samples adds the samples in the order of their digests,
#: and nobody waits in a circle.
RECEIVE_NEW = Statement(f"""
    WITH
    told AS MATERIALIZED (
        SELECT t.* FROM unnest({", ".join(f":{name}::{type_}[]" for name, type_ in TOLD.items())}) t ({", ".join(TOLD)})
    ),
    sample_added AS (
        INSERT INTO sample (sha256, md5, sha1, sha512, size, created_time, activity_time, unread_since, readers, blob_token,
                            charged_customer_id, charged_user_id, charged_key_id)
        SELECT sha256, md5, sha1, sha512, size, now, now, now, ARRAY[uploader], blob_token, charged_customer_id,
               charged_user_id, charged_key_id
          FROM told ORDER BY sha256
        ON CONFLICT (sha256) DO NOTHING
        RETURNING id, sha256
    ),
    challenge_issued AS (
        INSERT INTO challenge (id, sample_id, user_id, answer, expiry_time)
        SELECT token, id, charged_user_id, sha256, expiry_time FROM sample_added JOIN told USING (sha256)
    )
    SELECT sha256 FROM sample_added
""")
CATALOGUE = Statement(f"WITH {catalogue.UPLOADED} SELECT id, is_new FROM sample_uploaded")
#: attempts at the statement; an attempt fails if another upload or deletion of the same bytes overtakes the statement
ATTEMPTS = 5

MET = "Too many uploads and deletions of these bytes met at once; try again."


class NewUpload(msgspec.Struct, frozen=True):
    """Bytes that are kept and that may be new, with the challenge `token`. Nothing has been stored."""

    #: the values of `TOLD`
    told: dict[str, Any]

    @property
    def token(self) -> UUID:
        token: UUID = self.told["token"]
        return token

    @property
    def name(self) -> bytes:
        sha256: bytes = self.told["sha256"]
        return sha256

    @property
    def marks(self) -> frozenset[object]:
        return frozenset((self.name,))


def plan_upload(
    digests: Digests,
    *,
    customer_id: int,
    user_id: int,
    key_id: UUID | None = None,
    expiry: Millis,
    now: Millis,
) -> NewUpload:
    uploaded = catalogue.values(digests, customer_id, user_id, key_id=key_id, now=now)
    return NewUpload({**uploaded, "token": new_id(), "expiry_time": expiry})


async def receive_new(db: Connection, uploads: Sequence[NewUpload]) -> dict[bytes, bool]:
    """Catalogue uploads of different digests, in one statement. Answers by digest whether the sample is new.

    Of several uploads only those are catalogued that are new. Nothing has been changed for uploads without an answer. Raises the
    errors of asyncpg, also where a single upload is to blame.
    """
    if len(uploads) == 1:
        is_new = await RECEIVE.value(db, **uploads[0].told)
        return {} if is_new is None else {uploads[0].name: is_new}
    told = {name: [upload.told[name] for upload in uploads] for name in TOLD}
    return {row[0]: True for row in await RECEIVE_NEW.rows(db, **told)}


async def receive(db: Connection, upload: NewUpload) -> bool:
    """Catalogue bytes that are kept, and issue a challenge that the uploader need not solve. Tells whether the sample is new."""
    for _ in range(ATTEMPTS):
        is_new: bool | None = await RECEIVE.value(db, **upload.told)
        if is_new is not None:
            return is_new
    raise Unavailable(MET)


async def receive_alone(
    db: Connection,
    digests: Digests,
    *,
    customer_id: int,
    user_id: int | None,
    key_id: UUID | None = None,
    now: Millis,
) -> tuple[int, bool]:
    """Catalogue bytes that are kept, without a challenge: the id of the sample, and whether the sample is new.

    Without a user, the customer alone is charged with the bytes.
    """
    values = catalogue.values(digests, customer_id, user_id, key_id=key_id, now=now)
    for _ in range(ATTEMPTS):
        row = await CATALOGUE.row(db, **values)
        if row is not None:
            return row[0], row[1]
    raise Unavailable(MET)
