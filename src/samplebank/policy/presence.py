"""Whether the processes of a worker live, by their last sign of life: a claim, or a heartbeat."""

from enum import StrEnum

import msgspec

from samplebank.timespec import Millis

#: milliseconds that the note of a sign may come late, as a process is noted once in a while only
SLACK = 20_000
#: milliseconds after which a process whose sign is missing is given up
GIVEN_UP = 120_000


class Standing(StrEnum):
    """How a process stands. A process that is late may be stuck, or out of reach."""

    ALIVE = "alive"
    LATE = "late"
    NONE = "none"


class Presence(msgspec.Struct, frozen=True):
    """The latest sign of life, and the time by which the next sign is expected. Both are None for no sign ever."""

    last_time: Millis | None = None
    due_time: Millis | None = None

    def standing(self, now: Millis) -> Standing:
        if self.due_time is None or now > self.due_time + GIVEN_UP:
            return Standing.NONE
        return Standing.ALIVE if now <= self.due_time + SLACK else Standing.LATE
