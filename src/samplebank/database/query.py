"""ORDER BY and pages."""

from collections.abc import Mapping, Sequence

import msgspec

MOST_ROWS = 10_000


class Page(msgspec.Struct, frozen=True):
    """Which part of a list: at most `limit` rows (0 is all of them) from `offset` on, sorted by `sort`."""

    limit: int = 25
    offset: int = 0
    sort: tuple[str, ...] = ()

    def clause(self) -> str:
        """Numbers, not parameters: of those the database would think that a tenth of all rows is wanted."""
        most = f"LIMIT {self.limit:d}" if self.limit else ""
        return f"{most} OFFSET {self.offset:d}" if self.offset else most


def order_by(sort: Sequence[str], columns: Mapping[str, str], tie: str) -> str:
    """ORDER BY for contract names such as `-endTimestamp`, ties broken by `tie` in the direction of the last key.

    A column written with a trailing `?` may be null: nulls come last in both directions. The others are written
    without NULLS LAST, because PostgreSQL then serves both directions from one plain index.
    """
    parts = []
    direction = "ASC"
    for name in sort:
        direction = "DESC" if name.startswith("-") else "ASC"
        column = columns[name.removeprefix("-")]
        nulls = " NULLS LAST" if column.endswith("?") else ""
        parts.append(f"{column.removesuffix('?')} {direction}{nulls}")
    return "ORDER BY " + ", ".join([*parts, f"{tie} {direction}"])
