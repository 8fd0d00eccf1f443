"""Where in a query stands what a document holds at a path."""

import re
from collections.abc import Iterator
from typing import Any, Final

from samplebank.query.mistakes import Span
from samplebank.query.tree import Clause, Either, Query, Term

STEP: Final = re.compile(r"(\w+)(?:\[(\d+)\])?")


def terms_of(clauses: tuple[Clause, ...]) -> Iterator[Term]:
    """The terms in their order."""
    for clause in clauses:
        if isinstance(clause, Term):
            yield clause
        else:
            yield from terms_of(clause.choices if isinstance(clause, Either) else clause.clauses)


def place_of(query: Query, document: dict[str, Any], path: str) -> Span:
    """The place of the first term with the value at a path, such as `subCriteria[0].customer[1]`; else the whole query."""
    value: Any = document
    name = ""
    for name, position in STEP.findall(path):
        value = value.get(name) if isinstance(value, dict) else None
        if position and isinstance(value, list):
            value = value[int(position)]
    terms = list(terms_of(query.clauses))
    for term in terms:
        if (term.field or "").lower() == name and term.text == value:
            return term.value_at
    return Span(0, max((term.at.end for term in terms), default=0))
