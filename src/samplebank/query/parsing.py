"""Tokens become a tree. `OR` joins the two terms beside it; parentheses hold any clauses but further parentheses."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from samplebank.query.hashes import BETWEEN, MARKS, NAMES, hashes_in
from samplebank.query.lexing import Mark, Symbol, Token, tokens_of
from samplebank.query.mistakes import BadQuery, Mistake, Mistakes, Span
from samplebank.query.tree import Atom, Clause, Either, Group, Part, Query, Term

#: characters of a query that names as many hashes as a search takes
LONGEST: Final = 1_400_000
MOST_HASHES: Final = 10_000
#: parentheses and `OR`
MOST_SYMBOLS: Final = 2_000
#: conditions besides hashes; each condition becomes a query of its own
MOST_TERMS: Final = 40
NESTED = "Parentheses hold no further parentheses: write the inner ones apart."
MISSING = 'OR stands between two terms, as in "type:pdf OR type:rtf".'


def parse(text: str) -> Query:
    """Read a query. Raises `BadQuery` with every mistake."""
    if len(text) > LONGEST:
        said = f"The query has {len(text)} characters; a query has at most {LONGEST}."
        raise BadQuery([Mistake(0, len(text), said)])
    mistakes = Mistakes()
    tokens = _bounded(_listed(_joined(tokens_of(text, mistakes))), mistakes)
    query = Query(_Parser(tokens, mistakes).clauses(None))
    mistakes.raise_if_any()
    return query


def is_hash(term: Term) -> bool:
    """Whether the term is a hash, or a list of hashes."""
    return (term.field is None or term.field.lower() in NAMES) and bool(hashes_in(term.text))


def _joined(tokens: Iterator[Token]) -> Iterator[Token]:
    """Join the name of an algorithm and the hash behind a blank: `SHA256: 275a...`."""
    before: Term | None = None
    for token in tokens:
        if before is not None:
            if isinstance(token, Term) and token.field is None and not token.negated and is_hash(token):
                at = Span(before.at.start, token.at.end)
                yield replace(token, field=before.field, negated=before.negated, at=at)
                before = None
                continue
            yield before
            before = None
        if isinstance(token, Term) and not token.parts and (token.field or "").lower() in NAMES:
            before = token
        else:
            yield token
    if before is not None:
        yield before


def _listed(tokens: Iterator[Token]) -> Iterator[Token]:
    """Leave out the marks between the hashes of a list. A "-" before the list is for each of the hashes."""
    before: Term | None = None
    goes_on = False
    for token in tokens:
        if isinstance(token, Term) and is_hash(token):
            goes_on = goes_on or token.text.startswith(MARKS)
            is_negated = token.negated or (goes_on and before is not None and before.negated)
            before = replace(_without_mark(token), negated=is_negated)
            goes_on = token.text.endswith(MARKS)
            yield before
        elif before is not None and isinstance(token, Term) and _is_mark(token):
            goes_on = True
        else:
            before, goes_on = None, False
            yield token


def _is_mark(term: Term) -> bool:
    is_bare = term.field is None and not term.negated and not any(part.quoted for part in term.parts)
    return is_bare and BETWEEN.fullmatch(term.text) is not None


def _without_mark(term: Term) -> Term:
    """The term without the commas and semicolons at the end."""
    *parts, last = term.parts
    kept = "" if last.quoted else last.text.rstrip("".join(MARKS))
    if last.quoted or kept == last.text:
        return term
    return replace(term, parts=(*parts, Part(kept)) if kept else tuple(parts))


def _bounded(tokens: Iterator[Token], mistakes: Mistakes) -> Iterator[Token]:
    """End after as many terms as a search takes, and tell so."""
    terms = hashes = symbols = 0
    for token in tokens:
        found = len(hashes_in(token.text)) if isinstance(token, Term) and is_hash(token) else 0
        hashes += found
        terms += isinstance(token, Term) and not found
        symbols += isinstance(token, Symbol)
        if hashes > MOST_HASHES or terms > MOST_TERMS or symbols > MOST_SYMBOLS:
            said = f"A query has at most {MOST_HASHES} hashes, {MOST_TERMS} other terms, and {MOST_SYMBOLS} parentheses and OR."
            mistakes.add(token.at, said)
            return
        yield token


class _Parser:
    def __init__(self, tokens: Iterator[Token], mistakes: Mistakes) -> None:
        self._tokens = tokens
        self._mistakes = mistakes
        self._next = next(tokens, None)

    def clauses(self, opened: Symbol | None) -> tuple[Clause, ...]:
        """The clauses up to the end of the text, or of the parentheses that `opened` began."""
        found: list[Clause] = []
        while (token := self._next) is not None:
            if isinstance(token, Symbol) and token.mark is Mark.CLOSE:
                if opened is not None:
                    return tuple(found)
                self._mistakes.add(token.at, 'This ")" closes nothing.')
                self._advance()
            elif isinstance(token, Symbol) and token.mark is Mark.OR:
                self._mistakes.add(token.at, MISSING)
                self._advance()
            else:
                found.append(self._clause(is_inner=opened is not None))
        if opened is not None:
            self._mistakes.add(opened.at, 'This "(" is closed nowhere.')
        return tuple(found)

    def _clause(self, *, is_inner: bool) -> Clause:
        choices = [self._atom(is_inner=is_inner)]
        while (joint := self._next) is not None and isinstance(joint, Symbol) and joint.mark is Mark.OR:
            self._advance()
            if self._begins_atom():
                choices.append(self._atom(is_inner=is_inner))
            else:
                self._mistakes.add(joint.at, MISSING)
        return Either(tuple(choices)) if len(choices) > 1 else choices[0]

    def _begins_atom(self) -> bool:
        token = self._next
        return isinstance(token, Term) or (
            isinstance(token, Symbol) and token.mark in {Mark.OPEN, Mark.OPEN_NEGATED}
        )

    def _atom(self, *, is_inner: bool) -> Atom:
        token = self._advance()
        if isinstance(token, Term):
            if not token.parts:
                self._mistakes.add(
                    token.at, f'Behind "{token.field}:" stands a value, without a blank between.'
                )
            return token
        if is_inner:
            self._mistakes.add(token.at, NESTED)
            return self._passed_over(token)
        clauses = self.clauses(token)
        closing = self._advance() if self._next is not None else token
        at = Span(token.at.start, closing.at.end)
        if not clauses:
            self._mistakes.add(at, "There is nothing between these parentheses.")
        return Group(clauses, token.mark is Mark.OPEN_NEGATED, at=at)

    def _passed_over(self, opened: Symbol) -> Group:
        """Pass over parentheses within parentheses, however deep they are."""
        depth = 1
        while depth and self._next is not None:
            token = self._advance()
            if isinstance(token, Symbol) and token.mark is not Mark.OR:
                depth += -1 if token.mark is Mark.CLOSE else 1
        return Group((), at=opened.at)

    def _advance(self) -> Token:
        token = self._next
        if token is None:
            raise AssertionError("There is no further token.")
        self._next = next(self._tokens, None)
        return token
