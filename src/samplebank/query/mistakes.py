"""Mistakes in a query, each with its place in the text."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from samplebank.errors import MOST_TOLD

#: the most characters quoted of a query
LONGEST_TOLD: Final = 60


class Span(NamedTuple):
    """From `start` to before `end`, in characters of the query."""

    start: int
    end: int


class Mistake(NamedTuple):
    """What is wrong from `start` to before `end`, and the name that may be meant."""

    start: int
    end: int
    message: str
    nearest: str | None = None


class BadQuery(ValueError):
    """A query with mistakes, in the order of their places."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes)[:MOST_TOLD])
        super().__init__(" ".join(mistake.message for mistake in self.mistakes))


class Mistakes:
    """Collects mistakes, so that all mistakes are told at once."""

    def __init__(self) -> None:
        self._found: list[Mistake] = []

    def add(self, span: Span, message: str, nearest: str | None = None) -> None:
        if len(self._found) < MOST_TOLD:
            self._found.append(Mistake(*span, message, nearest))

    def raise_if_any(self) -> None:
        if self._found:
            raise BadQuery(self._found)

    def __bool__(self) -> bool:
        return bool(self._found)


def quoted(text: str) -> str:
    """The text between quotation marks, shortened where the text is long."""
    return f'"{text if len(text) <= LONGEST_TOLD else text[:LONGEST_TOLD] + " ..."}"'
