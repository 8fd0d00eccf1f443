"""Pieces of SQL that hold their values. The values get their numbers when the whole is rendered.

`Sql("u.sample_id = {}", 7)` is a condition. A piece among the values becomes a part of the text: the conditions of a search
are made one by one, and put together in any order. Values travel as parameters, never in the text.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samplebank.database.connection import Connection


#: `{name}`, or `{}`
PLACE = re.compile(r"\{([a-z_]*)\}")
Name = str | int


class Value:
    """A value of a piece. A piece that stands in two places of a text has the same number in both."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


class Sql:
    """SQL in which each `{}` stands for the next of `values`, and `{name}` for the value of the name.

    A value that is a piece stands for its text, any other value for a parameter. A name may stand in several places. Without
    values the text is taken as written, braces included. Raises `TypeError` for values without a place, and places without
    a value.
    """

    __slots__ = ("parts",)

    def __init__(self, text: str, *values: object, **named: object) -> None:
        self.parts: list[str | Value]
        if not values and not named:
            self.parts = [text]
            return
        first, following, names = _places(text)
        if named or names or len(values) != len(following):
            values = _by_name(text, named or dict(enumerate(values)), names or tuple(range(len(following))))
        parts = self.parts = [first]
        for value, behind in zip(values, following, strict=True):
            if isinstance(value, Sql):
                parts += value.parts
            else:
                parts.append(Value(value))
            parts.append(behind)

    def render(self) -> tuple[str, list[Any]]:
        """The text with numbered parameters, and the values of the parameters."""
        numbers: dict[Value, str] = {}
        written = [
            part if isinstance(part, str) else numbers.setdefault(part, f"${len(numbers) + 1}")
            for part in self.parts
        ]
        return "".join(written), [value.value for value in numbers]

    @property
    def compact(self) -> "Sql":
        """The same piece with neighbouring texts in one, for pieces that are used again and again."""
        parts: list[str | Value] = []
        for part in self.parts:
            if isinstance(part, str) and parts and isinstance(parts[-1], str):
                parts[-1] += part
            else:
                parts.append(part)
        return _of_parts(parts)

    async def rows(self, db: "Connection") -> list[Any]:
        text, values = self.render()
        return await db.fetch(text, *values)

    async def row(self, db: "Connection") -> Any:
        """The first row; None when there is none."""
        text, values = self.render()
        return await db.fetchrow(text, *values)

    async def value(self, db: "Connection") -> Any:
        """The first column of the first row; None when there is no row."""
        text, values = self.render()
        return await db.fetchval(text, *values)

    async def run(self, db: "Connection") -> str:
        """Run a statement without rows; answers the tag of the command, for example `UPDATE 1`."""
        text, values = self.render()
        return await db.execute(text, *values)


#: conditions that always hold, and that never hold
TRUE, FALSE = Sql("TRUE"), Sql("FALSE")


@lru_cache(1024)
def _places(text: str) -> "tuple[str, tuple[str, ...], tuple[Name, ...] | None]":
    """The text before the first place, and the texts behind each place.

    Also the names of the places, or the numbers of places without a name; None where no place has a name.
    """
    first, *others = PLACE.split(text)
    names = others[::2]
    named = tuple(name or place for place, name in enumerate(names)) if any(names) else None
    return first, tuple(others[1::2]), named


def _by_name(text: str, given: "Mapping[Any, object]", names: "Sequence[Name]") -> tuple[Sql, ...]:
    """The value of each place, as a piece. Raises `TypeError` where names and values differ."""
    if given.keys() != set(names):
        wrong = ", ".join(sorted(str(name) for name in given.keys() ^ set(names)))
        raise TypeError(f"places without a value, or values without a place: {wrong} in: {text}")
    pieces = {name: one if isinstance(one, Sql) else _of_parts([Value(one)]) for name, one in given.items()}
    return tuple(pieces[name] for name in names)


def joined(separator: str, pieces: Iterable[Sql]) -> Sql:
    """The pieces one after the other, with `separator` between them."""
    parts: list[str | Value] = []
    for piece in pieces:
        if parts:
            parts.append(separator)
        parts.extend(piece.parts)
    return _of_parts(parts)


def all_of(conditions: Iterable[Sql]) -> Sql:
    """All conditions hold; without any condition, everything matches."""
    parts: list[str | Value] = []
    for condition in conditions:
        if condition is not TRUE:
            parts.append(") AND (" if parts else "(")
            parts += condition.parts
    if not parts:
        return TRUE
    parts.append(")")
    return _of_parts(parts)


def any_of(conditions: Iterable[Sql]) -> Sql:
    """At least one condition holds; without any condition, nothing matches. In brackets, so that the piece fits beside AND."""
    parts: list[str | Value] = []
    for condition in conditions:
        parts.append(") OR (" if parts else "((")
        parts += condition.parts
    if not parts:
        return FALSE
    parts.append("))")
    return _of_parts(parts)


def one_of(column: str, type_: str, values: Sequence[object]) -> Sql:
    """The column has one of the values."""
    return Sql(f"{column} = ANY ({{}}::{type_}[])", list(values))


def one_of_few(column: str, ids: Sequence[int]) -> Sql:
    """As `one_of`. Of a single id an index also gives the rows in its order."""
    return Sql(f"{column} = {{}}", ids[0]) if len(ids) == 1 else one_of(column, "bigint", ids)


def _of_parts(parts: list[str | Value]) -> Sql:
    made = Sql.__new__(Sql)
    made.parts = parts
    return made
