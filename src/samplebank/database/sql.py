"""Pieces of SQL that hold their values. The values get their numbers when the whole is rendered.

`Sql("u.sample_id = {}", 7)` is a condition. A piece among the values becomes a part of the text: the conditions of a search
are made one by one, and put together in any order. Values travel as parameters, never in the text.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samplebank.database.connection import Connection


#: `{name}`, or `{}`
PLACE = re.compile(r"\{([a-z_]*)\}")
Name = str | int


#: stands in a text for a value; no SQL can hold the character
MARK = "\0"


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

    __slots__ = ("text", "values")

    #: the text with `MARK` in the place of each value
    text: str
    #: the values in the order of places
    values: Sequence[Value]

    def __init__(self, text: str, *values: object, **named: object) -> None:
        if not values and not named:
            self.text, self.values = text, ()
            return
        first, following, names = _places(text)
        if named or names or len(values) != len(following):
            values = _by_name(text, named or dict(enumerate(values)), names or tuple(range(len(following))))
        written = first
        kept: list[Value] = []
        for value, behind in zip(values, following, strict=True):
            if isinstance(value, Sql):
                written += value.text + behind
                kept += value.values
            else:
                written += MARK + behind
                kept.append(Value(value))
        self.text, self.values = written, kept

    def render(self) -> tuple[str, list[Any]]:
        """The text with numbered parameters, and the values of the parameters."""
        if not self.values:
            return self.text, []
        distinct = dict.fromkeys(self.values)
        numbers = {value: f"${number}" for number, value in enumerate(distinct, 1)}
        first, *others = self.text.split(MARK)
        behind = zip(map(numbers.__getitem__, self.values), others, strict=True)
        return first + "".join(chain.from_iterable(behind)), [value.value for value in distinct]

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


#: a condition that always holds, and a condition that never holds
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
    pieces = {name: one if isinstance(one, Sql) else Sql("{}", one) for name, one in given.items()}
    return tuple(pieces[name] for name in names)


class Template:
    """A large text in which each `{name}` stands for a piece or a value, as in `Sql`.

    The numbered text is made once for each combination of texts of pieces. Raises `TypeError` where names and values differ.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._names = tuple(dict.fromkeys(PLACE.findall(text)))
        self._numbered = lru_cache(256)(self._number)

    def render(self, **named: object) -> tuple[str, list[Any]]:
        if named.keys() != set(self._names):
            _by_name(self._text, named, self._names)
        texts: list[str] = []
        values: list[object] = []
        for one in map(named.__getitem__, self._names):
            if isinstance(one, Sql):
                texts.append(one.text)
                values += [value.value for value in one.values]
            else:
                texts.append(MARK)
                values.append(one)
        return self._numbered(tuple(texts)), values

    async def rows(self, db: "Connection", **named: object) -> list[Any]:
        text, values = self.render(**named)
        return await db.fetch(text, *values)

    def _number(self, texts: tuple[str, ...]) -> str:
        count, numbered = 0, {}
        for name, text in zip(self._names, texts, strict=True):
            first, *others = text.split(MARK)
            numbered[name] = first + "".join([f"${count + n}{behind}" for n, behind in enumerate(others, 1)])
            count += len(others)
        return PLACE.sub(lambda found: numbered[found[1]], self._text)


def joined(separator: str, pieces: Iterable[Sql]) -> Sql:
    """The pieces one after the other, with `separator` between them."""
    given = list(pieces)
    return _made(separator.join([piece.text for piece in given]), given)


def all_of(conditions: Iterable[Sql]) -> Sql:
    """All conditions hold; without any condition, everything matches."""
    given = [condition for condition in conditions if condition is not TRUE]
    return _made(f"({') AND ('.join([one.text for one in given])})", given) if given else TRUE


def any_of(conditions: Iterable[Sql]) -> Sql:
    """At least one condition holds; without any condition, nothing matches. In brackets, so that the piece fits beside AND."""
    given = list(conditions)
    return _made(f"(({') OR ('.join([one.text for one in given])}))", given) if given else FALSE


def one_of(column: str, type_: str, values: Sequence[object]) -> Sql:
    """The column has one of the values."""
    return Sql(f"{column} = ANY ({{}}::{type_}[])", list(values))


def one_of_few(column: str, ids: Sequence[int]) -> Sql:
    """As `one_of`. Of a single id an index also gives the rows in its order."""
    return Sql(f"{column} = {{}}", ids[0]) if len(ids) == 1 else one_of(column, "bigint", ids)


def _made(text: str, pieces: Sequence[Sql]) -> Sql:
    """A piece whose text is made of the texts of `pieces`, in their order."""
    made = Sql.__new__(Sql)
    made.text = text
    made.values = list(chain.from_iterable([piece.values for piece in pieces]))
    return made
