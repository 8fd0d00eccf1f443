"""A small builder for WHERE, ORDER BY and pages. Values travel as parameters, never in the text."""

from collections.abc import Mapping, Sequence

import msgspec

MOST_ROWS = 10_000


class Where:
    """Conditions joined by AND, and the parameters that they use."""

    def __init__(self) -> None:
        self.conditions: list[str] = []
        self.parameters: list[object] = []
        self._either: tuple[str, ...] = ()

    def value(self, value: object) -> str:
        """The placeholder of a new parameter."""
        self.parameters.append(value)
        return f"${len(self.parameters)}"

    def add(self, condition: str, *values: object) -> None:
        """Add a condition; each `{}` in it becomes the placeholder of the next of `values`."""
        self.conditions.append(condition.format(*(self.value(value) for value in values)))

    def add_either(self, *conditions: str) -> None:
        """Add that one of the conditions holds, of which no row meets two; at most once."""
        self._either = conditions

    def copy(self) -> "Where":
        same = Where()
        same.conditions, same.parameters = list(self.conditions), list(self.parameters)
        same._either = self._either
        return same

    @property
    def sql(self) -> str:
        either = " OR ".join(f"({c})" for c in self._either)
        return _all_of([*self.conditions, either] if either else self.conditions)

    @property
    def parts(self) -> list[str]:
        """Conditions whose matches add up to all matches: each may be served by an index where the whole is not."""
        return [_all_of([*self.conditions, one]) for one in self._either] or [_all_of(self.conditions)]


def _all_of(conditions: Sequence[str]) -> str:
    return " AND ".join(f"({c})" for c in conditions) or "TRUE"


class Page(msgspec.Struct, frozen=True):
    """Which part of a list: at most `limit` rows (0 is all of them) from `offset` on, sorted by `sort`."""

    limit: int = 25
    offset: int = 0
    sort: tuple[str, ...] = ()

    def clause(self, where: Where) -> str:
        limit = where.value(self.limit) if self.limit else "ALL"
        return f"LIMIT {limit} OFFSET {where.value(self.offset)}"


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
