"""Work that can wait steps back while others want the processors.

A low priority is not enough. Work that runs for a moment on a free processor empties the caches for the programs that
come next, and is not stopped at once.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

#: the processor time of the machine by kind, in ticks since the start: see proc_stat(5)
STAT = Path("/proc/stat")
#: seconds over which the use of the processors is measured; ticks are too coarse for less
WINDOW = 0.25
#: processors that the work takes; where others leave less, the work is in the way
ENOUGH = 1.0
#: the part of the processors that is enough on a machine with few processors
ENOUGH_OF_FEW = 0.5
#: the same for heavy work: two processors may be one core, where heavy work halves the speed of a client who leaves one free
AMPLE, AMPLE_OF_FEW = 1.5, 0.75
#: seconds after which heavy work asks for no more room than other work does, so that the work ends beside others that never pause
LONG = 300.0
#: the rest, in multiples of the time worked
REST = 9.0
#: seconds that a rest takes at most: what comes meanwhile waits for the end of the rest
LONGEST_REST = 1.0


class Ticks(NamedTuple):
    """The first fields of the first line of `STAT`, for all processors together.

    The time of programs of low priority counts as left: such programs leave the processors to others.
    """

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
    """Tells how long to rest after some work, by how much of the processors others leave. Heavy work needs more room."""

    def __init__(
        self,
        stat: Path = STAT,
        clock: Callable[[], float] = time.monotonic,
        cores: int | None = None,
        *,
        is_heavy: bool = False,
    ) -> None:
        cores = cores or os.cpu_count() or 1
        self._enough = min(ENOUGH / cores, ENOUGH_OF_FEW)
        self._ample = min(AMPLE / cores, AMPLE_OF_FEW) if is_heavy else self._enough
        self._stat = stat
        self._clock = clock
        self._is_in_the_way = False
        self._looked = self._began = clock()
        self._before = self._read()

    def rest_after(self, worked: float) -> float:
        """The seconds to rest; 0 as long as enough of the processors is left."""
        if self._clock() - self._looked >= WINDOW:
            self._look()
        return min(REST * worked, LONGEST_REST) if self._is_in_the_way else 0.0

    def _look(self) -> None:
        self._looked = self._clock()
        before, self._before = self._before, self._read()
        if self._before is None or before is None:
            return
        total = sum(self._before) - sum(before)
        left = self._before.left - before.left
        wanted = self._ample if self._looked - self._began < LONG else self._enough
        self._is_in_the_way = left < total * wanted

    def _read(self) -> Ticks | None:
        """Read the ticks; None where the machine does not tell."""
        try:
            fields = self._stat.read_text("ascii").split()[1 : 1 + len(Ticks._fields)]
        except OSError:
            return None
        return Ticks(*map(int, fields)) if len(fields) == len(Ticks._fields) else None
