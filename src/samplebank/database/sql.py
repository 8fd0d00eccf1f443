"""Pieces of SQL that hold their values. The values get their numbers when the whole is rendered.

`Sql("u.sample_id = {}", 7)` is a condition. A piece among the values becomes a part of the text: the conditions of a search
are made one by one, and put together in any order. Values travel as parameters, never in the text.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samplebank.database.connection import Connection


#: `{name}`, or `{}`
PLACE = re.compile(r"\{([a-z_]*)\}")


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
        texts, names = _places(text)
        given: Iterable[tuple[str | int, object]] = named.items() or enumerate(values)
        filled = {name: _parts(value) for name, value in given}
        if filled.keys() != set(names):
            wrong = ", ".join(sorted(str(name) for name in filled.keys() ^ set(names)))
            raise TypeError(f"places without a value, or values without a place: {wrong} in: {text}")
        parts = self.parts = [texts[0]]
        for name, following in zip(names, texts[1:], strict=True):
            parts += filled[name]
            parts.append(following)

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

    def count(self, source: str) -> "Sql":
        """An expression for the number of rows in `source` that match this condition."""
        return Sql(f"(SELECT count(*) FROM {source} WHERE {{}})", self)

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


class InParts(Sql):
    """A condition that is cheap to check, but whose matches are cheaper to count in parts.

    `formula` makes the number of matches from the numbers of the parts, as `a + b` does.
    """

    __slots__ = ("formula", "pieces")

    def __init__(self, condition: Sql, formula: Callable[..., Sql], *pieces: Sql) -> None:
        super().__init__("({})", condition)
        self.formula = formula
        self.pieces = pieces

    def count(self, source: str) -> Sql:
        return self.formula(*(piece.count(source) for piece in self.pieces))


#: conditions that always hold, and that never hold
TRUE, FALSE = Sql("TRUE"), Sql("FALSE")


@lru_cache(1024)
def _places(text: str) -> tuple[tuple[str, ...], tuple[str | int, ...]]:
    """The texts between the places, and the name or the number of each place."""
    texts_and_names = PLACE.split(text)
    names = texts_and_names[1::2]
    return tuple(texts_and_names[::2]), tuple(name or place for place, name in enumerate(names))


def _parts(value: object) -> "list[str | Value]":
    return value.parts if isinstance(value, Sql) else [Value(value)]


def joined(separator: str, pieces: Iterable[Sql]) -> Sql:
    """The pieces one after the other, with `separator` between them."""
    parts: list[str | Value] = []
    for piece in pieces:
        if parts:
            parts.append(separator)
        parts.extend(piece.parts)
    return _of_parts(parts)


def all_of(conditions: Iterable[Sql]) -> Sql:
    """All conditions hold; without any condition, everything matches. What is counted in parts stays so."""
    wanted = [condition for condition in conditions if condition is not TRUE]
    if not wanted:
        return TRUE
    whole = joined(" AND ", map(_in_brackets, wanted))
    for place, condition in enumerate(wanted):
        if isinstance(condition, InParts):
            others = [*wanted[:place], *wanted[place + 1 :]]
            return InParts(whole, condition.formula, *(all_of([*others, one]) for one in condition.pieces))
    return whole


def any_of(conditions: Iterable[Sql]) -> Sql:
    """At least one condition holds; without any condition, nothing matches. In brackets, so that the piece fits beside AND."""
    wanted = list(conditions)
    return _in_brackets(joined(" OR ", map(_in_brackets, wanted))) if wanted else FALSE


def one_of(column: str, type_: str, values: Sequence[object]) -> Sql:
    """The column has one of the values."""
    return Sql(f"{column} = ANY ({{}}::{type_}[])", list(values))


def one_of_few(column: str, ids: Sequence[int]) -> Sql:
    """As `one_of`. Of a single id an index also gives the rows in its order."""
    return Sql(f"{column} = {{}}", ids[0]) if len(ids) == 1 else one_of(column, "bigint", ids)


def _in_brackets(condition: Sql) -> Sql:
    return _of_parts(["(", *condition.parts, ")"])


def _of_parts(parts: list[str | Value]) -> Sql:
    made = Sql("")
    made.parts = parts
    return made
