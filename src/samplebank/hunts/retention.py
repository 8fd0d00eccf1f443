"""Hunts that have ended are forgotten after their retention, with their hits."""

from samplebank.database import Connection, Statement
from samplebank.hunts.model import DAY
from samplebank.timespec import Millis

# The index is in the order of the creation, and a hunt is created before it ends.
FIND = Statement("""
    SELECT id FROM hunt WHERE created_time <= :before AND end_time <= :before
     ORDER BY created_time, id LIMIT 1 FOR UPDATE SKIP LOCKED
""")
#: a hunt has 10,000 hits at most
DELETE = (
    "DELETE FROM hunt_hit WHERE hunt_id = $1",
    "DELETE FROM hunt_batch WHERE hunt_id = $1",
    "DELETE FROM hunt WHERE id = $1",
)
FORGET_BUDGETS = "DELETE FROM hunt_budget WHERE day < $1"


async def forget_next(db: Connection, *, before: Millis) -> bool:
    """Forget a hunt that ended before a time, in a transaction. False where there is none."""
    found = await FIND.value(db, before=before)
    if found is None:
        return False
    for statement in DELETE:
        await db.execute(statement, found)
    return True


async def forget_budgets(db: Connection, *, now: Millis) -> None:
    """Forget what hunts looked at on days before yesterday."""
    await db.execute(FORGET_BUDGETS, now // DAY - 1)
