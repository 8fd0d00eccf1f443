"""Changes of workers, rules and the default policy come one after the other.

All of them give the policy a new version in the end. Each locks rows of its own before. Without turns, two changes would wait for
each other, and one of them would fail.
"""

from samplebank.database import Connection

LOCK_POLICY = "SELECT FROM policy FOR UPDATE"


async def take_turn(db: Connection) -> None:
    """Wait for the changes before, and let later changes wait until the transaction ends. Comes before every other lock."""
    await db.execute(LOCK_POLICY)
