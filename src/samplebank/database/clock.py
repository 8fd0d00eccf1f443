"""The clock of the database, as a process reads it: the one clock that writes and judges leases, delays and time-outs.

The clocks of hosts differ. A lease that one host writes and another host judges would end early, or late. So every process
tells the time of the database, and asks the database now and then.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from samplebank.timespec import Millis

if TYPE_CHECKING:
    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

TOLD = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
#: nanoseconds of a microsecond and of a millisecond
MICRO, MILLI = 1_000, 1_000_000


class DatabaseClock:
    """The time of the database: a clock that never jumps, and its distance from the database's clock.

    Until the first look the distance is that of the host's own clock.
    """

    def __init__(
        self, wall: Callable[[], int] = time.time_ns, steady: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._distance = wall() - steady()

    def now(self) -> Millis:
        """The time of the database, in milliseconds."""
        return (self._steady() + self._distance) // MILLI

    @property
    def ahead(self) -> Millis:
        """How far the clock of this host is ahead of the database's, in milliseconds; negative where the host is behind."""
        return self._wall() // MILLI - self.now()

    async def look(
        self, db: "asyncpg.Connection[Any] | PoolConnectionProxy[Any]", *, patience: float | None = None
    ) -> None:
        """Ask the database for the time. Raises the errors of asyncpg, and `TimeoutError` after `patience` seconds."""
        asked = self._steady()
        told: int = await db.fetchval(TOLD, timeout=patience)
        self._learn(told * MICRO, asked, self._steady())

    def _learn(self, told: int, asked: int, answered: int) -> None:
        """Take the time in that the database told between question and answer.

        The answer leaves room for as much as it took. The distance moves by as little as the room demands: so a late answer
        does not move the clock, and a jump of the database's clock does.
        """
        self._distance = min(max(self._distance, told - answered), told - asked)
