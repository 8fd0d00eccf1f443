"""A result as drawn: what the page shows of objects, lists and values. Pure.

A drawing has bounds. So each object and list knows how much the drawing leaves out.
"""

from typing import ClassVar, TypeAlias

import msgspec
from markupsafe import Markup


class Leaf(msgspec.Struct, frozen=True):
    """A value. `about` are words for the value. `query` finds samples with the value, None where no query can ask."""

    kind: ClassVar[str] = "leaf"
    text: Markup
    about: str = ""
    query: str | None = None


class Field(msgspec.Struct, frozen=True):
    """A value with its title; `about` describes the value."""

    title: Markup
    about: str
    node: "Node"


class Group(msgspec.Struct, frozen=True):
    """An object. `is_known` tells that a schema describes the object; an unknown object is folded."""

    kind: ClassVar[str] = "group"
    fields: list[Field]
    is_known: bool
    size: int

    @property
    def more(self) -> int:
        """The number of fields that are not drawn."""
        return self.size - len(self.fields)


class Table(msgspec.Struct, frozen=True):
    """A list of objects. A cell is None where the object has no such field."""

    kind: ClassVar[str] = "table"
    heads: list[Markup]
    rows: "list[list[Node | None]]"
    size: int

    @property
    def more(self) -> int:
        """The number of rows that are not drawn."""
        return self.size - len(self.rows)


class Series(msgspec.Struct, frozen=True):
    """A list of anything."""

    kind: ClassVar[str] = "series"
    inner: "list[Node]"
    is_known: bool
    size: int

    @property
    def more(self) -> int:
        """The number of values that are not drawn."""
        return self.size - len(self.inner)


Node: TypeAlias = Leaf | Group | Table | Series


class Drawn(msgspec.Struct, frozen=True):
    """A result. `more` is the number of values that are not drawn, at most `MOST_COUNTED`."""

    node: Node
    more: int
