"""Conditions on the times of rows."""

import msgspec

from samplebank.database.sql import TRUE, Sql, all_of, any_of
from samplebank.timespec import Millis


class TimeRange(msgspec.Struct, frozen=True):
    """Rows match when any (or all) of `fields` are set and lie in [start, end); an open bound is None."""

    start: Millis | None = None
    end: Millis | None = None
    fields: tuple[str, ...] = ()
    every: bool = False

    @property
    def is_bounded(self) -> bool:
        return self.start is not None or self.end is not None

    @property
    def condition(self) -> Sql:
        """The condition; `fields` are column expressions by now."""
        if not self.is_bounded:
            return TRUE
        matches = [self.within(column) for column in self.fields]
        return all_of(matches) if self.every else any_of(matches)

    def within(self, column: str) -> Sql:
        """The time in `column` is set, and lies within the bounds, of which there is at least one."""
        bounds = []
        if self.start is not None:
            bounds.append(Sql(f"{column} >= {{}}", self.start))
        if self.end is not None:
            bounds.append(Sql(f"{column} < {{}}", self.end))
        return all_of(bounds)
