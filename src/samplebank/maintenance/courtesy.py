"""Work that can wait steps back while others want the processors.

A low priority is not enough: what runs for a moment on a processor that nobody wants empties its caches for those who
come next, and is not stopped at once.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

#: the processor time of the machine by its kind, in ticks since the start: see proc_stat(5)
STAT = Path("/proc/stat")
#: seconds over which the use of the processors is looked at; ticks are too coarse for less
WINDOW = 0.25
#: processors that work takes; where others leave less, it is in the way
ENOUGH = 1.0
#: the part of the processors that is enough where there are few of them
ENOUGH_OF_FEW = 0.5
#: times as long as it has worked is how long it rests
REST = 9.0


class Ticks(NamedTuple):
    """Of all processors, the first fields of the first line of `STAT`. Programs of low priority leave their time to whoever wants it."""

    user: int
    low_priority: int
    system: int
    idle: int
    waiting: int
    interrupts: int
    soft_interrupts: int
    stolen: int

    @property
    def left(self) -> int:
        return self.low_priority + self.idle + self.waiting


class Courtesy:
    """Tells how long to rest after some work, by how much of the processors others leave."""

    def __init__(
        self, stat: Path = STAT, clock: Callable[[], float] = time.monotonic, cores: int | None = None
    ) -> None:
        self._enough = min(ENOUGH / (cores or os.cpu_count() or 1), ENOUGH_OF_FEW)
        self._stat = stat
        self._clock = clock
        self._is_in_the_way = False
        self._looked = clock()
        self._before = self._read()

    def rest_after(self, worked: float) -> float:
        """Seconds; none as long as enough of the processors is left."""
        if self._clock() - self._looked >= WINDOW:
            self._look()
        return REST * worked if self._is_in_the_way else 0.0

    def _look(self) -> None:
        self._looked = self._clock()
        before, self._before = self._before, self._read()
        if self._before is None or before is None:
            return
        total = sum(self._before) - sum(before)
        left = self._before.left - before.left
        self._is_in_the_way = left < total * self._enough

    def _read(self) -> Ticks | None:
        """Nothing where the machine does not tell."""
        try:
            fields = self._stat.read_text("ascii").split()[1 : 1 + len(Ticks._fields)]
        except OSError:
            return None
        return Ticks(*map(int, fields)) if len(fields) == len(Ticks._fields) else None
