"""A text becomes tokens: parentheses, `OR`, and words. Takes time by the length of the text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from samplebank.query.hashes import LIST, MARKS
from samplebank.query.mistakes import Mistakes, Span
from samplebank.query.tree import Part, Term

BLANK: Final = re.compile(r"[\s\ufeff\u200b]+")
BARE: Final = re.compile(r"[^\s\ufeff\u200b\"()]+")
QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
ESCAPED: Final = re.compile(r'\\(["\\])')
#: the name of a field; behind a dot stands a path, which may hold anything but blanks
FIELD: Final = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_-]*(?:\.[^:]+)?):(?!//)")
OR: Final = "OR"
#: the most pieces of a word, with and without quotes
MOST_PIECES: Final = 100


class Mark(Enum):
    OPEN = auto()
    OPEN_NEGATED = auto()
    CLOSE = auto()
    OR = auto()


@dataclass(frozen=True, slots=True)
class Symbol:
    mark: Mark
    at: Span


Token = Term | Symbol


def tokens_of(text: str, mistakes: Mistakes) -> Iterator[Token]:
    """The tokens of a text. What cannot be read is told to `mistakes`, and passed over."""
    at = 0
    while at < len(text):
        if blank := BLANK.match(text, at):
            at = blank.end()
            continue
        if text[at] == "(":
            yield Symbol(Mark.OPEN, Span(at, at + 1))
            at += 1
        elif text.startswith("-(", at):
            yield Symbol(Mark.OPEN_NEGATED, Span(at, at + 2))
            at += 2
        elif text[at] == ")":
            yield Symbol(Mark.CLOSE, Span(at, at + 1))
            at += 1
            if at < len(text) and text[at] != ")" and not BLANK.match(text, at):
                mistakes.add(
                    Span(at - 1, at),
                    'Behind ")" stands a blank. A value with parentheses needs quotes: "a(1).exe".',
                )
        elif listed := LIST.match(text, at):
            yield _list(listed)
            at = listed.end()
        else:
            token, at = _word(text, at, mistakes)
            yield token


def _list(found: re.Match[str]) -> Term:
    """A pasted list of hashes as one term. A comma at the end stays: the list may go on."""
    at = Span(*found.span())
    hashes = found[0].replace(",", " ").replace(";", " ").split()
    end = "," if found[0].endswith(MARKS) else ""
    return Term((Part(",".join(hashes) + end),), at=at, value_at=at)


def _word(text: str, start: int, mistakes: Mistakes) -> tuple[Token, int]:
    negated = text[start] == "-" and start + 1 < len(text) and not BLANK.match(text, start + 1)
    first = start + negated
    parts, at = _parts(text, first, mistakes)
    if at < len(text) and text[at] == "(":
        mistakes.add(
            Span(start, at + 1),
            'Before "(" stands a blank. A value with parentheses needs quotes: "a(1).exe".',
        )
    if parts == [Part(OR)] and not negated:
        return Symbol(Mark.OR, Span(start, at)), at
    field, value_at = None, Span(first, at)
    if parts and not parts[0].quoted and (named := FIELD.match(parts[0].text)):
        field = named["name"]
        rest = Part(parts[0].text[named.end() :])
        parts = [*([rest] if rest.text else []), *parts[1:]]
        value_at = Span(first + named.end(), at)
    return Term(tuple(parts), field, negated, at=Span(start, at), value_at=value_at), at


def _parts(text: str, at: int, mistakes: Mistakes) -> tuple[list[Part], int]:
    """The pieces of a word, up to the next blank or parenthesis."""
    parts: list[Part] = []
    while at < len(text):
        if len(parts) > MOST_PIECES:
            mistakes.add(
                Span(at, len(text)), f"A value has at most {MOST_PIECES} pieces in quotes and without."
            )
            return parts, len(text)
        if found := QUOTED.match(text, at):
            parts.append(Part(ESCAPED.sub(r"\1", found[1]), quoted=True))
        elif text[at] == '"':
            mistakes.add(
                Span(at, len(text)),
                'This quotation mark has no second one. Within quotes, write " as \\" and \\ as \\\\.',
            )
            return [*parts, Part(text[at + 1 :], quoted=True)], len(text)
        elif found := BARE.match(text, at):
            parts.append(Part(found[0]))
        else:
            break
        at = found.end()
    return parts, at
