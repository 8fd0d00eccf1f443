"""The time that a part of an analysis may take.

Processor time of the process is counted: a machine that keeps the process waiting must not change what is found in a file.
"""

import time


class Allowance:
    """So many seconds of processor time from now on, `used` of which are used up already."""

    def __init__(self, seconds: float, *, used: float = 0.0) -> None:
        self._end = time.process_time() + seconds - used

    @property
    def is_over(self) -> bool:
        return time.process_time() > self._end
