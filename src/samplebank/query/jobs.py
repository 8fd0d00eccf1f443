"""The language for jobs: its fields, and the document of a search for jobs that a query means.

A search for jobs takes a list for each field, and one time. So `OR` joins values of one field, and what goes beyond is refused
at its place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from samplebank.query.compiling import is_listed
from samplebank.query.documents import Document
from samplebank.query.fields import Field, Meaning, Reading, Vocabulary, unknown_value
from samplebank.query.hashes import algorithm_of, hashes_in
from samplebank.query.mistakes import Mistakes, Span, quoted
from samplebank.query.terms import USUAL_TIMES, plain, time_field
from samplebank.query.tree import Atom, Clause, Either, Group, Query, Term
from samplebank.query.values import BadValue
from samplebank.timespec import Millis

STATES: Final = ("enqueued", "executing", "done", "timeout")
TIME: Final = "timeFieldStrategy"
MIXED = 'For jobs, OR joins values of one field, as in "state:done OR state:timeout".'
GROUPED = "For jobs there are no parentheses: terms beside one another must all hold."
NEGATED = 'For jobs, "-" stands before "state:" alone.'
NO_TEXT = (
    "A job has no text to look in: write a field, such as state:, worker:, customer: or type:, or a SHA256."
)


def document_of(query: Query, now: Millis) -> Document:
    """The document of a search for jobs. Raises `BadQuery` with every mistake."""
    mistakes = Mistakes()
    found: Document = {}
    compiler = _Compiler(now, mistakes)
    listed = tuple(one for one in query.clauses if isinstance(one, Term) and is_listed(one))
    clauses = [one for one in query.clauses if not is_listed(one)]
    for clause in [*([Either(listed)] if listed else []), *clauses]:
        compiler.add(found, clause)
    mistakes.raise_if_any()
    return found


@dataclass(frozen=True, slots=True)
class _Compiler:
    now: Millis
    mistakes: Mistakes

    def add(self, found: Document, clause: Clause) -> None:
        """Add what a clause demands to what is demanded."""
        document = self._either(clause.choices) if isinstance(clause, Either) else self._atom(clause)
        shared = found.keys() & document.keys()
        if shared == {"state"}:
            found["state"] = [state for state in found["state"] if state in document["state"]]
            if not found["state"]:
                self.mistakes.add(_place_of(clause), "No job is in all of these states at once.")
        elif shared:
            what = "one time" if TIME in shared else f"one list of {' and '.join(sorted(shared))}"
            self.mistakes.add(_place_of(clause), f"A search for jobs takes {what}; OR joins values.")
        else:
            found.update(document)

    def _either(self, choices: Sequence[Atom]) -> Document:
        documents = [self._atom(choice) for choice in choices]
        names = {name for document in documents for name in document}
        if len(names) > 1 or TIME in names:
            self.mistakes.add(Span(choices[0].at.start, choices[-1].at.end), MIXED)
            return {}
        return {name: [value for one in documents for value in one.get(name, ())] for name in names}

    def _atom(self, atom: Atom) -> Document:
        if isinstance(atom, Group):
            self.mistakes.add(atom.at, GROUPED)
            return {}
        document = JOBS.meaning_of(atom, self.now, self.mistakes)
        if not atom.negated or not document:
            return document
        if document.keys() != {"state"}:
            self.mistakes.add(atom.at, NEGATED)
            return {}
        return {"state": [state for state in STATES if state not in document["state"]]}


def _place_of(clause: Clause) -> Span:
    return (
        Span(clause.choices[0].at.start, clause.choices[-1].at.end)
        if isinstance(clause, Either)
        else clause.at
    )


def _list(name: str) -> Meaning:
    return lambda reading: {name: [plain(reading.term)]}


def _state(reading: Reading) -> Document:
    value = plain(reading.term).lower()
    if value not in STATES:
        raise unknown_value(value, STATES, "state of a job")
    return {"state": [value]}


def _sample(reading: Reading) -> Document:
    found = hashes_in(reading.term.text)
    if not found or any(algorithm_of(digest) != "sha256" for digest in found):
        raise BadValue(
            f"{quoted(reading.term.text)} is no SHA256. Jobs are found by whole SHA256 of their samples."
        )
    return {"sampleSha256": list(found)}


def _word(reading: Reading) -> Document:
    if not hashes_in(reading.term.text):
        raise BadValue(NO_TEXT)
    return _sample(reading)


JOBS: Final = Vocabulary(
    (
        Field("state", "state of the job", "state:executing", _state, STATES),
        Field(
            "worker", "worker that has a task of the job", "worker:yara", _list("worker"), ("static", "yara")
        ),
        Field("customer", "customer of the job", "customer:acme", _list("customer")),
        Field(
            "type", "type of the sample", "type:pebin", _list("type"), ("pebin", "elf", "pdf", "zip", "docx")
        ),
        Field(
            "sample",
            "SHA256 of the sample",
            f"sample:{'0123456789abcdef' * 4}",
            _sample,
            other_names=("sha256", "sha-256", "hash"),
        ),
        Field(
            "seen",
            "opened at that time",
            "seen:-7d",
            time_field("enqueuedTimestamp"),
            USUAL_TIMES,
            other_names=("enqueued",),
        ),
        Field("started", "begun at that time", "started:today", time_field("startTimestamp"), USUAL_TIMES),
        Field(
            "ended",
            "ended at that time",
            "ended:2026-11-01..2026-11-08",
            time_field("endTimestamp"),
            USUAL_TIMES,
        ),
    ),
    _word,
)
