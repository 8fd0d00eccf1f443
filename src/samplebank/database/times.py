"""Conditions on the times of rows."""

import msgspec

from samplebank.database.query import Where
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

    def add_to(self, where: Where) -> None:
        """Add the condition; `fields` are column expressions by now."""
        if not self.is_bounded:
            return
        conditions = []
        for column in self.fields:
            bounds = []
            if self.start is not None:
                bounds.append(f"{column} >= {where.value(self.start)}")
            if self.end is not None:
                bounds.append(f"{column} < {where.value(self.end)}")
            conditions.append(f"({' AND '.join(bounds)})")
        where.conditions.append((" AND " if self.every else " OR ").join(conditions))
