"""A small builder for WHERE, ORDER BY and pages. Values travel as parameters, never in the text."""

from collections.abc import Mapping, Sequence

import msgspec

MOST_ROWS = 10_000


class Where:
    """Conditions joined by AND, and the parameters that they use."""

    def __init__(self) -> None:
        self.conditions: list[str] = []
        self.parameters: list[object] = []
        self._counted: tuple[str, str, tuple[str, ...]] | None = None

    def value(self, value: object) -> str:
        """The placeholder of a new parameter."""
        self.parameters.append(value)
        return f"${len(self.parameters)}"

    def add(self, condition: str, *values: object) -> None:
        """Add a condition; each `{}` in it becomes the placeholder of the next of `values`."""
        self.conditions.append(condition.format(*(self.value(value) for value in values)))

    def add_counted(self, condition: str, formula: str, *parts: str) -> None:
        """Add a condition that is cheap to check, but whose matches are cheaper to count in parts; at most one.

        `formula` makes the count of the matches from those of the parts: `{0} + {1}`.
        """
        self._counted = (condition, formula, parts)

    def add_one_of(self, column: str, values: Sequence[int]) -> None:
        """Add that the column has one of the values. Of a single one an index also gives the rows in its order."""
        if len(values) == 1:
            self.add(f"{column} = {{}}", values[0])
        else:
            self.add(f"{column} = ANY({{}}::bigint[])", list(values))

    def widen(self, since: int, condition: str) -> None:
        """Let what matches `condition` match as well as what matches all conditions but the first `since`."""
        narrow = [*self.conditions[since:], *([self._counted[0]] if self._counted else [])]
        self.conditions[since:] = [f"({_all_of(narrow)}) OR ({condition})"]
        self._counted = None

    def copy(self) -> "Where":
        same = Where()
        same.conditions, same.parameters = list(self.conditions), list(self.parameters)
        same._counted = self._counted
        return same

    @property
    def sql(self) -> str:
        return _all_of([*self.conditions, self._counted[0]] if self._counted else self.conditions)

    def count(self, source: str, *, in_parts: bool = True) -> str:
        """An expression for the number of matches in `source`."""
        if self._counted is None or not in_parts:
            return f"(SELECT count(*) FROM {source} WHERE {self.sql})"
        _, formula, parts = self._counted
        counts = (
            f"(SELECT count(*) FROM {source} WHERE {_all_of([*self.conditions, one])})" for one in parts
        )
        return formula.format(*counts)


def _all_of(conditions: Sequence[str]) -> str:
    return " AND ".join(f"({c})" for c in conditions) or "TRUE"


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
