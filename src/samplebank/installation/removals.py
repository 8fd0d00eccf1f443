"""Removals of stored bytes, which a backup holds back on every host: each row of a backup has to find its bytes.

The locks belong to the session of the backup. So the locks end with the backup, however the backup ends.
"""

from samplebank.blobs import Area, Blob, Blobs, HeldBack
from samplebank.database import Connection
from samplebank.errors import Conflict

#: shared by removals until their transactions end; a backup has the lock alone
REMOVALS = 0x5A4B_0008
#: held by the backup of the installation, so that there is no other
BACKUP = 0x5A4B_0009
# A removal does not wait. While a backup waits for the lock, the server gives the lock to no further removal.
SHARE = "SELECT pg_try_advisory_xact_lock_shared($1::bigint)"
BE_ALONE = "SELECT pg_try_advisory_lock($1::bigint)"
HOLD_BACK = "SELECT pg_advisory_lock($1::bigint)"
HELD_BACK = "A backup is under way; bytes are removed when the backup has ended."
ANOTHER = "Another backup of this installation is under way: wait for its end."


async def remove(db: Connection, blobs: Blobs, area: Area, blob: Blob) -> None:
    """Remove bytes within a transaction. Raises `HeldBack` during a backup."""
    if not await db.fetchval(SHARE, REMOVALS):
        raise HeldBack(HELD_BACK)
    await blobs.remove(area, blob.sha256, blob.token)


async def hold_back(db: Connection) -> None:
    """Hold removals back on every host until the session ends. Raises `Conflict` where another backup does so.

    Waits for removals that are under way.
    """
    if not await db.fetchval(BE_ALONE, BACKUP):
        raise Conflict(ANOTHER)
    await db.execute(HOLD_BACK, REMOVALS)
