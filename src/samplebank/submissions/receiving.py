"""What an upload leaves in the database: its sample and a solved challenge, in one statement of its own.

The bytes have their name before, and whoever keeps them holds it until after: a row without bytes is a lie.
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
    -- Whoever has just sent the bytes need not prove to hold them: the digest is the answer.
    challenge_issued AS (
        INSERT INTO challenge (id, sample_id, user_id, answer, expiry_time)
        SELECT :token, id, :user_id, :sha256, :expiry_time FROM sample_uploaded
    )
    SELECT is_new FROM sample_uploaded
""")
#: each but the last was overtaken by another upload or deletion of the same bytes
ATTEMPTS = 5


class Received(NamedTuple):
    is_new: bool
    token: UUID


async def receive(
    db: Connection, digests: Digests, *, customer_id: int, user_id: int, expiry: Millis, now: Millis
) -> Received:
    """Catalogue bytes that are kept, and issue a challenge that their uploader need not solve."""
    token = new_id()
    uploaded = catalogue.values(digests, customer_id, now=now)
    for _ in range(ATTEMPTS):
        is_new = await RECEIVE.value(db, token=token, user_id=user_id, expiry_time=expiry, **uploaded)
        if is_new is not None:
            return Received(is_new, token)
    raise Unavailable("Too many uploads and deletions of these bytes met at once; try again.")
