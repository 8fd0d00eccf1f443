"""When: the window of an index, and the bounds of a time search."""

import msgspec

from samplebank.database import Where
from samplebank.jobs.queries import TimeRange
from samplebank.timespec import Millis


class IndexWindow(msgspec.Struct, frozen=True):
    """From `start` to `end`, both inclusive; None leaves the end open, for what is written this very moment."""

    start: Millis
    end: Millis | None = None


def lies_in_window(where: Where, alias: str, window: IndexWindow) -> None:
    """The sample `alias` is not deleted, and its time from creation to last activity overlaps the window."""
    where.add(f"{alias}.deleted_time IS NULL")
    where.add(f"{alias}.activity_time >= {{}}", window.start)
    if window.end is not None:
        where.add(f"{alias}.created_time <= {{}}", window.end)


def lies_in(where: Where, column: str, times: TimeRange) -> str:
    """The time in `column` is set, not before the start and before the end."""
    bounds = [f"{column} IS NOT NULL"]
    if times.start is not None:
        bounds.append(f"{column} >= {where.value(times.start)}")
    if times.end is not None:
        bounds.append(f"{column} < {where.value(times.end)}")
    return " AND ".join(bounds)
