"""What depends on the clock of earlier times: when the housework was last done, leases and delays given before a jump."""

from samplebank.database import Connection
from samplebank.timespec import Millis

LAST_DONE = "SELECT done_time FROM housework"
NOTE_DONE = "UPDATE housework SET done_time = $1"
# Leases and delays that were given after the clock was set back end too early, which costs an attempt at most.
SET_BACK = """
    UPDATE job_task SET lease_until = lease_until - $2, run_after = CASE WHEN run_after > $1 THEN run_after - $2 ELSE run_after END
     WHERE (lease_until IS NOT NULL AND lease_until > $1) OR (state = 'enqueued' AND run_after > $1)
"""


async def last_done(db: Connection) -> Millis | None:
    """When the housework was last done by anybody; None in a new database."""
    done: Millis | None = await db.fetchval(LAST_DONE)
    return done


async def note_done(db: Connection, *, now: Millis) -> None:
    await db.execute(NOTE_DONE, now)


async def set_back(db: Connection, by: Millis, *, now: Millis) -> None:
    """Move leases and delays that lie in the future along with a clock that was set back."""
    await db.execute(SET_BACK, now, by)
