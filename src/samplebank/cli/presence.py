"""Whether anybody runs a worker: the service tells when each was last seen."""

from typing import Final

from samplebank import timespec
from samplebank.timespec import Millis

#: milliseconds after which a worker is missed. One that runs asks for work every few seconds, which is noted once a minute.
MISSED_AFTER: Final = 150_000


def absence(worker: str, last_seen: Millis | None, now: Millis) -> str | None:
    """A sentence about a worker that nobody runs; None where somebody does."""
    if last_seen is None:
        return f"Nobody has ever asked for work of {worker}: start it with `samplebank worker run`."
    if now - last_seen < MISSED_AFTER:
        return None
    return f"Nobody has asked for work of {worker} since {timespec.iso(last_seen)}."
