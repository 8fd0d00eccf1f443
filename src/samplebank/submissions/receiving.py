"""What an upload leaves in the database: its sample and a solved challenge, in one statement of its own.

The bytes have their name before, and whoever keeps them holds it until after: a row without bytes is a lie.
"""

from typing import NamedTuple
from uuid import UUID

from samplebank.blobs import Digests
from samplebank.database import Connection, new_id
from samplebank.errors import Unavailable
from samplebank.samples import catalogue
from samplebank.submissions import challenge
from samplebank.timespec import Millis

RECEIVE = f"""
    WITH {catalogue.parts(5)}, challenge_issued AS ({challenge.ISSUE_FOR.format("sample_uploaded")})
    SELECT is_new FROM sample_uploaded
"""
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
    issued = (token, user_id, digests.sha256, expiry)
    for _ in range(ATTEMPTS):
        is_new = await db.fetchval(RECEIVE, *issued, *catalogue.values(digests, customer_id, now=now))
        if is_new is not None:
            return Received(is_new, token)
    raise Unavailable("Too many uploads and deletions of these bytes met at once; try again.")
