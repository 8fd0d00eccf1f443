"""ORDER BY and pages."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec


class Place(NamedTuple):
    """Where a row stands in the order of a list: its keys, and its id."""

    keys: tuple[object, ...]
    id: object


class Page(msgspec.Struct, frozen=True):
    """Which part of a list: at most `limit` rows (0 is all of them) from `offset` on, sorted by `sort`.

    With `after`, the page begins behind that place.
    """

    limit: int = 25
    offset: int = 0
    sort: tuple[str, ...] = ()
    after: Place | None = None

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
