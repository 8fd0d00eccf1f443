"""When: the window of an index, and the bounds of a time search."""

import msgspec

from samplebank.accounts.access import see_rows
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Where
from samplebank.database.times import TimeRange
from samplebank.timespec import Millis


class IndexWindow(msgspec.Struct, frozen=True):
    """From `start` to `end`, both inclusive; None leaves the end open, for what is written this very moment."""

    start: Millis
    end: Millis | None = None


#: what a sample is active by: table and time of the rows that not everybody may see
ACTIVITY = (
    ("submission", "submitted_time", Permission.VIEW_SUBMISSION),
    ("analysis", "created_time", Permission.VIEW_ANALYSIS),
    ("link", "created_time", Permission.VIEW_ANALYSIS),
)


def lies_in_window(where: Where, caller: Caller, alias: str, window: IndexWindow) -> None:
    """The sample `alias` is not deleted, and its time from creation to last activity overlaps the window.

    Only the activity that the caller may see counts: else the window would tell when others did something.
    """
    where.add(f"{alias}.deleted_time IS NULL")
    where.add(f"{alias}.activity_time >= {{}}", window.start)
    if not all(caller.scope(permission).everywhere for *_, permission in ACTIVITY):
        where.add(_seen_active(where, caller, alias, window.start))
    if window.end is not None:
        where.add(f"{alias}.created_time <= {{}}", window.end)


def _seen_active(where: Where, caller: Caller, sample: str, start: Millis) -> str:
    """That the sample, or a row of it that the caller may see, is from `start` or later.

    Most samples in a window are new themselves, so the rows are seldom looked at.
    """
    since = where.value(start)
    seen = [
        f"{sample}.created_time >= {since}",
        f"EXISTS (SELECT FROM verdict y WHERE y.sample_id = {sample}.id AND y.created_time >= {since})",
        f"EXISTS (SELECT FROM static_fact y WHERE y.sample_id = {sample}.id AND y.created_time >= {since})",
    ]
    for table, column, permission in ACTIVITY:
        visible = Where()
        visible.parameters = where.parameters
        see_rows(visible, caller, "y", permission)
        row = f"SELECT FROM {table} y WHERE y.sample_id = {sample}.id AND y.{column} >= {since} AND {visible.sql}"
        seen.append(f"EXISTS ({row})")
    return " OR ".join(seen)


def lies_in(where: Where, column: str, times: TimeRange) -> str:
    """The time in `column` is set, not before the start and before the end."""
    bounds = [f"{column} IS NOT NULL"]
    if times.start is not None:
        bounds.append(f"{column} >= {where.value(times.start)}")
    if times.end is not None:
        bounds.append(f"{column} < {where.value(times.end)}")
    return " AND ".join(bounds)
