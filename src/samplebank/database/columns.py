"""Columns and the struct filled from the columns, tied by name."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, Self, TypeVar

import msgspec

from samplebank.database.sql import Sql, joined

R = TypeVar("R")
S = TypeVar("S")
R_co = TypeVar("R_co", covariant=True)


class Shape(Protocol[R_co]):
    """The columns to select, and the way from a row of the columns to an object."""

    @property
    def selected(self) -> Sql: ...

    def read(self, row: Sequence[Any], /) -> R_co: ...


class Columns(Generic[R]):
    """An expression for each field of a struct, in the order of the struct.

    An expression that depends on the caller holds values: `Sql`. The last fields may be `made`: they have no expression, and
    `read` is given their values. Raises `TypeError` at import when another field has no expression, or an expression no field.
    """

    __slots__ = ("_struct", "selected", "width")

    def __init__(self, struct: type[R], /, *made: str, **expressions: str | Sql) -> None:
        fields = _selected_fields_of(struct, made)
        if set(fields) != expressions.keys():
            raise TypeError(
                f"{struct.__name__} has the fields {', '.join(fields)}, not {', '.join(expressions)}."
            )
        self._struct: Callable[..., R] = struct
        written = [expressions[name] for name in fields]
        #: the list of a SELECT
        self.selected = joined(", ", (one if isinstance(one, Sql) else Sql(one) for one in written))
        self.width = len(fields)

    @property
    def sql(self) -> str:
        """The list of a SELECT, where no expression holds a value. Raises `TypeError` where one does."""
        text, values = self.selected.render()
        if values:
            raise TypeError(f"The columns of {self._struct.__name__} hold values; use `selected`.")
        return text

    @classmethod
    def of(cls, struct: type[R], alias: str, /, *made: str, **others: str | Sql) -> Self:
        """Map each field to the column of the same name in the table `alias`, but for the expressions in `others`."""
        own = {name: f"{alias}.{name}" for name in _selected_fields_of(struct, made)}
        return cls(struct, *made, **own | others)

    def read(self, row: Sequence[Any], /, **made: object) -> R:
        """Make an object of a row of these columns, and of the values of the fields that are `made`."""
        return self._struct(*row, **made)


class Made(Generic[R, S]):
    """As `columns`, with `make` applied to each object."""

    __slots__ = ("_columns", "_make", "selected")

    def __init__(self, columns: Shape[R], make: Callable[[R], S]) -> None:
        self.selected = columns.selected
        self._columns = columns
        self._make = make

    def read(self, row: Sequence[Any], /) -> S:
        return self._make(self._columns.read(row))


def _selected_fields_of(struct: type[Any], made: tuple[str, ...]) -> tuple[str, ...]:
    fields = _fields_of(struct)
    selected = fields[: len(fields) - len(made)]
    if fields[len(selected) :] != made:
        raise TypeError(f"{', '.join(made)} are not the last fields of {struct.__name__}.")
    return selected


def _fields_of(struct: type[Any]) -> tuple[str, ...]:
    if issubclass(struct, msgspec.Struct):
        return struct.__struct_fields__
    fields: tuple[str, ...] = struct._fields  # a NamedTuple
    return fields
