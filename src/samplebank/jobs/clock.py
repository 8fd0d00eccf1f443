"""Times stored before the clock jumped: of the last housework, and the ends of leases and delays."""

from samplebank.database import Connection
from samplebank.timespec import Millis

LAST_DONE = "SELECT done_time FROM housework"
NOTE_DONE = "UPDATE housework SET done_time = $1"
# Moves every lease and delay that lies in the future. Some were given after the clock was set back, and now end too early:
# a task loses an attempt at most.
SET_BACK = """
    UPDATE job_task SET lease_until = lease_until - $2, run_after = CASE WHEN run_after > $1 THEN run_after - $2 ELSE run_after END
     WHERE (lease_until IS NOT NULL AND lease_until > $1) OR (state = 'enqueued' AND run_after > $1)
"""


async def last_done(db: Connection) -> Millis | None:
    """Get the time at which any process last did the housework; None in a new database."""
    done: Millis | None = await db.fetchval(LAST_DONE)
    return done


async def note_done(db: Connection, *, now: Millis) -> None:
    await db.execute(NOTE_DONE, now)


async def set_back(db: Connection, by: Millis, *, now: Millis) -> None:
    """Move leases and delays that lie in the future back by as much as the clock was set back."""
    await db.execute(SET_BACK, now, by)
