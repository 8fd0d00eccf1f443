"""Times of Windows, which count steps of 100 ns from 1601 on."""

from datetime import datetime, timedelta

#: steps from 1601 to 1970, and steps of a second
EPOCH, TICKS = 116_444_736_000_000_000, 10_000_000
LATEST = 253_402_300_799
START = datetime(1970, 1, 1)  # noqa: DTZ001 -- told without a zone


def moment(ticks: int) -> str | None:
    """The time as a text; None for a time before 1970 or after 9999, which is no time."""
    seconds = (ticks - EPOCH) // TICKS
    return (START + timedelta(seconds=seconds)).isoformat(sep=" ") if 0 < seconds <= LATEST else None
