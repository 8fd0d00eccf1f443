"""Vocabularies: the fields of a language, with what each of them means."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final, TypeAlias

from samplebank.query.documents import Document
from samplebank.query.mistakes import Mistakes, Span, quoted
from samplebank.query.parsing import is_hash
from samplebank.query.tree import Term
from samplebank.query.values import BadValue
from samplebank.timespec import Millis

#: how alike a name has to be to be the name that is meant
ALIKE: Final = 0.6
#: a name longer than any field is compared with none: comparing takes time by both lengths
LONGEST_NAME: Final = 40
#: the most characters of a value that is no list of hashes
LONGEST_VALUE: Final = 4096


@dataclass(frozen=True, slots=True)
class Reading:
    """What the meaning of a term needs: the path behind the name of its field, and the time now."""

    term: Term
    path: str
    now: Millis


Meaning: TypeAlias = Callable[[Reading], Document]


@dataclass(frozen=True, slots=True)
class Field:
    """A field: its meaning, and what people are told of the field. `values` are all values, or some that are usual."""

    name: str
    help: str
    example: str
    meaning: Meaning
    values: tuple[str, ...] = ()
    other_names: tuple[str, ...] = ()
    has_path: bool = False


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The fields of a language. `word` is the meaning of a word without a field."""

    fields: tuple[Field, ...]
    word: Meaning
    by_name: Mapping[str, Field] = field(init=False)

    def __post_init__(self) -> None:
        names = {name: one for one in self.fields for name in (one.name, *one.other_names)}
        object.__setattr__(self, "by_name", names)

    def meaning_of(self, term: Term, now: Millis, mistakes: Mistakes) -> Document:
        """The document of a term. A mistake is told to `mistakes`; the document is empty then."""
        if max(len(term.text), len(term.field or "")) > LONGEST_VALUE and not is_hash(term):
            mistakes.add(term.at, f"A field and its value have at most {LONGEST_VALUE} characters each.")
            return {}
        reading = Reading(term, "", now)
        meaning = self.word
        if term.field is not None:
            name, _, path = term.field.partition(".")
            found = self.by_name.get(name.lower())
            if found is None or (bool(path) and not found.has_path):
                self._refuse_name(term, mistakes)
                return {}
            reading, meaning = Reading(term, path, now), found.meaning
        try:
            return meaning(reading)
        except BadValue as error:
            nearest = error.args[1] if len(error.args) > 1 else None
            mistakes.add(term.value_at, str(error.args[0]), nearest)
            return {}

    def _refuse_name(self, term: Term, mistakes: Mistakes) -> None:
        name = term.field or ""
        start = term.at.start + term.negated
        nearest = nearest_of(name, self.by_name)
        meant = f' Do you mean "{nearest}:"?' if nearest else ""
        said = f"There is no field {quoted(name)}.{meant} A text with a colon needs quotes."
        mistakes.add(Span(start, start + len(name)), said, nearest)


def nearest_of(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like `name`; None where no name is."""
    found = get_close_matches(name.lower(), known, 1, ALIKE) if len(name) <= LONGEST_NAME else []
    return found[0] if found else None


def unknown_value(text: str, known: Iterable[str], what: str) -> BadValue:
    """A refusal of a value that is none of the known values."""
    listed = list(known)
    nearest = nearest_of(text, listed)
    meant = f' Do you mean "{nearest}"?' if nearest else ""
    return BadValue(f"{quoted(text)} is no {what}.{meant} There are {', '.join(listed)}.", nearest)
