"""A tree becomes a text, which reads as the same tree."""

import re
from typing import Final

from samplebank.query.tree import Clause, Either, Group, Part, Query, Term

#: a value that needs no quotes behind the name of a field. Behind a name, `//` is the rest of an address
SIMPLE: Final = re.compile(r"(?!//)[^\s\ufeff\u200b\"()*>]+")


def write(query: Query) -> str:
    return _clauses(query.clauses)


def _clauses(clauses: tuple[Clause, ...]) -> str:
    return " ".join(_clause(clause) for clause in clauses)


def _clause(clause: Clause) -> str:
    if isinstance(clause, Either):
        return " OR ".join(_clause(choice) for choice in clause.choices)
    sign = "-" if clause.negated else ""
    if isinstance(clause, Group):
        return f"{sign}({_clauses(clause.clauses)})"
    return f"{sign}{_field(clause)}{''.join(written(part) for part in clause.parts)}"


def _field(term: Term) -> str:
    return "" if term.field is None else f"{term.field}:"


def written(part: Part) -> str:
    if not part.quoted:
        return part.text
    escaped = part.text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def value_of(text: str) -> str:
    """A text as the value of a field, in quotes where the text would read as something else."""
    return written(Part(text, quoted=SIMPLE.fullmatch(text) is None))
