"""Time that jobs could not use: the service was not there, or the clock jumped forward.

Nobody could work in lost time, so lost time does not count for time-outs. A clock that is set back leaves leases and
delays in the future. Without a correction, a lease would not end until the clock has caught up.
"""

import time
from collections.abc import Callable

from samplebank.timespec import Millis

#: milliseconds: differences up to so much come from late sweeps
TOLERANCE = 5_000


class Steadiness:
    """Compares the clock with a clock that never jumps, at each look.

    `since` is when the housework was last known to be done, `interval` the time between two rounds, `rest` for how long
    lost time is given back. All times are in milliseconds.
    """

    def __init__(
        self,
        clock: Callable[[], Millis],
        *,
        since: Millis | None,
        interval: Millis,
        rest: Millis,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._rest = rest
        self._seen, self._passed = clock(), monotonic()
        self._lost, self._until = 0, 0.0
        away = 0 if since is None else self._seen - since - interval
        if away > TOLERANCE:
            self._lose(away)

    @property
    def lost(self) -> Millis:
        """How much longer than usual everything may take at the moment, in milliseconds."""
        return self._lost if self._monotonic() < self._until else 0

    def look(self) -> Millis:
        """Look at the clocks; answers how far the clock was set back since the last look. A jump forward counts as lost time."""
        now, passed = self._clock(), self._monotonic()
        jumped = now - self._seen - round(1000 * (passed - self._passed))
        self._seen, self._passed = now, passed
        if jumped > TOLERANCE:
            self._lose(jumped)
        return -jumped if jumped < -TOLERANCE else 0

    def _lose(self, lost: Millis) -> None:
        self._lost = self.lost + lost
        self._until = self._monotonic() + self._rest / 1000
