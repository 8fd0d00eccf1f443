"""The header Samplebank-Lane: how urgent the analysis of what is submitted is."""

from typing import Final

from samplebank.api.call import Call
from samplebank.errors import Violations
from samplebank.jobs.lanes import Lane, shift_of
from samplebank.timespec import Millis

HEADER: Final = b"samplebank-lane"
NAME: Final = "Samplebank-Lane"
UNKNOWN: Final = f"The header {NAME} is one of {', '.join(Lane)}."


def read_shift(request: Call, violations: Violations) -> Millis:
    """The place in the line by the header, else by the door through which the request came."""
    given = request.header(HEADER)
    lane = request.lane
    if given is not None:
        try:
            lane = Lane(given.strip().lower())
        except ValueError:
            violations.add(NAME, UNKNOWN)
    return shift_of(lane, request.bank.job_rules.longest_wait)
