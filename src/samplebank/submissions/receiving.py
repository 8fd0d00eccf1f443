"""The rows that an upload leaves: the sample and a solved challenge, in a statement of its own.

A row without bytes is a lie. So the bytes get their name before the statement, and the upload holds the name until the
statement has ended.
"""

from typing import NamedTuple
from uuid import UUID

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
        SELECT :token, id, :user_id, :sha256, :expiry_time FROM sample_uploaded
    )
    SELECT is_new FROM sample_uploaded
""")
CATALOGUE = Statement(f"WITH {catalogue.UPLOADED} SELECT id, is_new FROM sample_uploaded")
#: attempts at the statement; an attempt fails if another upload or deletion of the same bytes overtakes the statement
ATTEMPTS = 5

MET = "Too many uploads and deletions of these bytes met at once; try again."


class UploadReceipt(NamedTuple):
    is_new: bool
    token: UUID


async def receive(
    db: Connection,
    digests: Digests,
    *,
    customer_id: int,
    user_id: int,
    key_id: UUID | None = None,
    expiry: Millis,
    now: Millis,
) -> UploadReceipt:
    """Catalogue bytes that are kept, and issue a challenge that the uploader need not solve."""
    token = new_id()
    uploaded = catalogue.values(digests, customer_id, user_id, key_id=key_id, now=now)
    for _ in range(ATTEMPTS):
        is_new = await RECEIVE.value(db, token=token, user_id=user_id, expiry_time=expiry, **uploaded)
        if is_new is not None:
            return UploadReceipt(is_new, token)
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
