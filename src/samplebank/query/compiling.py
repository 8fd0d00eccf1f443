"""A tree becomes the document of a search."""

from dataclasses import dataclass, replace
from typing import TypeGuard

from samplebank.query.documents import Document, both, either, negated
from samplebank.query.fields import Vocabulary
from samplebank.query.mistakes import Mistakes
from samplebank.query.parsing import is_hash
from samplebank.query.tree import Clause, Either, Group, Query, Term
from samplebank.timespec import Millis


@dataclass(frozen=True, slots=True)
class Compiler:
    """Hashes beside one another are a list, of which one matches: no sample has two. Hashes with "-" are another list."""

    vocabulary: Vocabulary
    now: Millis
    mistakes: Mistakes

    def query(self, query: Query) -> Document:
        return self._all(query.clauses)

    def _all(self, clauses: tuple[Clause, ...]) -> Document:
        listed = [clause for clause in clauses if is_listed(clause)]
        excluded = [replace(clause, negated=False) for clause in clauses if _is_excluded_hash(clause)]
        others = [clause for clause in clauses if not (is_listed(clause) or _is_excluded_hash(clause))]
        hashes = [either([self._clause(one) for one in listed])] if listed else []
        without = [negated(either([self._clause(one) for one in excluded]))] if excluded else []
        return both([*hashes, *without, *map(self._clause, others)])

    def _clause(self, clause: Clause) -> Document:
        if isinstance(clause, Either):
            return either([self._clause(choice) for choice in clause.choices])
        if isinstance(clause, Group):
            found = self._all(clause.clauses)
        else:
            found = self.vocabulary.meaning_of(clause, self.now, self.mistakes)
        return negated(found) if clause.negated else found


def is_listed(clause: Clause) -> bool:
    return isinstance(clause, Term) and is_hash(clause) and not clause.negated


def _is_excluded_hash(clause: Clause) -> TypeGuard[Term]:
    return isinstance(clause, Term) and clause.negated and is_hash(clause)


def compile_with(vocabulary: Vocabulary, query: Query, now: Millis) -> Document:
    """The document that a query means. Raises `BadQuery` with every mistake."""
    mistakes = Mistakes()
    document = Compiler(vocabulary, now, mistakes).query(query)
    mistakes.raise_if_any()
    return document
