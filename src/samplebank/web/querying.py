"""Queries on pages: mistakes at their spots, and links to narrower queries."""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from samplebank.errors import Violation
from samplebank.query.parsing import parse
from samplebank.query.tree import Term
from samplebank.query.writing import value_of

#: where in a query a mistake stands, as `api.search.queries` tells
SPOT: Final = re.compile(r"q\[(\d+):(\d+)\]")
#: terms of which each is offered to be left out
MOST_LEFT_OUT: Final = 10
#: characters shown on each side of a mistake
AROUND: Final = 40


class Mistake(msgspec.Struct, frozen=True):
    """A mistake with the part of the query that is wrong, and what stands around the part."""

    before: str
    wrong: str
    after: str
    message: str


def mistakes_in(query: str, violations: Iterable[Violation]) -> list[Mistake]:
    return [_mistake(query, violation) for violation in violations]


def _mistake(query: str, violation: Violation) -> Mistake:
    spot = SPOT.fullmatch(violation.field or "")
    start, end = (int(spot[1]), int(spot[2])) if spot else (0, 0)
    return Mistake(
        before=query[max(0, start - AROUND) : start],
        wrong=query[start:end][:AROUND],
        after=query[end : end + AROUND],
        message=violation.message,
    )


def narrowed(query: str, field: str, value: str) -> str:
    """The query, with one more term."""
    return f"{query} {field}:{value_of(value)}".strip()


class Fewer(msgspec.Struct, frozen=True):
    """A query without one of its terms."""

    term: str
    query: str


def without_one(query: str) -> list[Fewer]:
    """The queries that are left without one of the terms that must hold. Nothing for a single term, or for very many."""
    terms = [clause for clause in parse(query).clauses if isinstance(clause, Term)]
    if not 1 < len(terms) <= MOST_LEFT_OUT:
        return []
    spots = [(term.at.start, term.at.end) for term in terms]
    return [Fewer(query[start:end], f"{query[:start]}{query[end:]}".strip()) for start, end in spots]
