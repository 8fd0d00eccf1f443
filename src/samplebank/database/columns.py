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

    An expression that depends on the caller holds values: `Sql`. Raises `TypeError` at import when a field has no expression,
    or an expression no field.
    """

    __slots__ = ("_struct", "selected", "width")

    def __init__(self, struct: type[R], /, **expressions: str | Sql) -> None:
        fields = _fields_of(struct)
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
    def of(cls, struct: type[R], alias: str, /, **others: str | Sql) -> Self:
        """Map each field to the column of the same name in the table `alias`, but for the expressions in `others`."""
        return cls(struct, **{name: f"{alias}.{name}" for name in _fields_of(struct)} | others)

    def read(self, row: Sequence[Any], /) -> R:
        return self._struct(*row)


class Made(Generic[R, S]):
    """As `columns`, with `make` applied to each object."""

    __slots__ = ("_columns", "_make", "selected")

    def __init__(self, columns: Shape[R], make: Callable[[R], S]) -> None:
        self.selected = columns.selected
        self._columns = columns
        self._make = make

    def read(self, row: Sequence[Any], /) -> S:
        return self._make(self._columns.read(row))


def _fields_of(struct: type[Any]) -> tuple[str, ...]:
    if issubclass(struct, msgspec.Struct):
        return struct.__struct_fields__
    fields: tuple[str, ...] = struct._fields  # a NamedTuple
    return fields
