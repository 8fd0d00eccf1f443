"""The tree of a query. Trees that say the same are equal, wherever in a text they were written."""

import dataclasses
from dataclasses import dataclass
from typing import TypeAlias

from samplebank.query.mistakes import Span

NOWHERE = Span(0, 0)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a value. Only in a piece without quotation marks `*`, `..` and `>` have a meaning."""

    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Term:
    """`field:value`, or a word without a field. `at` is the place of the whole, `value_at` the place of the value."""

    parts: tuple[Part, ...]
    field: str | None = None
    negated: bool = False
    at: Span = dataclasses.field(default=NOWHERE, compare=False)
    value_at: Span = dataclasses.field(default=NOWHERE, compare=False)

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts)


@dataclass(frozen=True, slots=True)
class Group:
    """Clauses in parentheses, all of which must hold."""

    clauses: tuple["Clause", ...]
    negated: bool = False
    at: Span = dataclasses.field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Either:
    """Two or more, joined by `OR`, of which one must hold."""

    choices: tuple["Term | Group", ...]


Atom: TypeAlias = Term | Group
Clause: TypeAlias = Term | Group | Either


@dataclass(frozen=True, slots=True)
class Query:
    """All clauses must hold. Without a clause everything matches."""

    clauses: tuple[Clause, ...] = ()
