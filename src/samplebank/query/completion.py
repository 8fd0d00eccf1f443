"""What may stand at a place in a query: names of fields, and the values that are known of a field."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from samplebank.query.fields import Vocabulary, nearest_of
from samplebank.query.lexing import tokens_of
from samplebank.query.mistakes import Mistakes
from samplebank.query.tree import Term
from samplebank.query.writing import value_of

#: the most characters before the cursor; people type less
LONGEST: Final = 10_000
MOST: Final = 20


class Choice(NamedTuple):
    """A text to write, with a word about the text."""

    text: str
    help: str


class Completion(NamedTuple):
    """What may stand in the place of the characters from `start` to before `end`."""

    start: int
    end: int
    choices: tuple[Choice, ...]


NOTHING_KNOWN: Final[Mapping[str, Sequence[str]]] = {}


def complete(
    text: str, cursor: int, vocabulary: Vocabulary, known: Mapping[str, Sequence[str]] = NOTHING_KNOWN
) -> Completion:
    """Complete the word that ends at the cursor. `known` are further values of fields, such as customers."""
    cursor = max(0, min(cursor, len(text)))
    if cursor > LONGEST:
        return Completion(cursor, cursor, ())
    before = list(tokens_of(text[:cursor], Mistakes()))
    term = before[-1] if before else None
    if not isinstance(term, Term) or term.at.end != cursor:
        return Completion(cursor, cursor, tuple(_names("", vocabulary)))
    if term.field is None:
        is_name = len(term.parts) == 1 and not term.parts[0].quoted
        names = _names(term.text, vocabulary) if is_name else ()
        return Completion(term.at.start + term.negated, cursor, tuple(names)[:MOST])
    values = tuple(_values(term, vocabulary, known))[:MOST]
    return Completion(term.value_at.start, cursor, values)


def _names(begun: str, vocabulary: Vocabulary) -> Iterator[Choice]:
    """The fields that begin so; else the field whose name is most alike."""
    found = [field for field in vocabulary.fields if field.name.startswith(begun.lower())]
    nearest = None if found else nearest_of(begun, vocabulary.by_name)
    for field in [*found, *([vocabulary.by_name[nearest]] if nearest else [])]:
        yield Choice(f"{field.name}{'.' if field.has_path else ':'}", f"{field.help}: {field.example}")


def _values(term: Term, vocabulary: Vocabulary, known: Mapping[str, Sequence[str]]) -> Iterator[Choice]:
    field = vocabulary.by_name.get((term.field or "").lower())
    if field is None:
        return
    values: Iterable[str] = dict.fromkeys([*known.get(field.name, ()), *field.values])
    for value in values:
        if value.lower().startswith(term.text.lower()):
            yield Choice(value_of(value), field.help)
