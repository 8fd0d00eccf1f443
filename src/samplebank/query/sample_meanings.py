"""What the fields of the language for samples mean, as documents of an advanced search."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from samplebank.query.documents import DEMANDED, Document, either, negated, row
from samplebank.query.fields import Meaning, Reading, unknown_value
from samplebank.query.hashes import algorithm_of, hashes_in
from samplebank.query.mistakes import quoted
from samplebank.query.terms import plain
from samplebank.query.values import BadValue, bounds_of, read_number, read_size

SHORTEST_WORD: Final = 3
LONGEST_WORD: Final = 4096
ASSESSMENTS: Final = ("malicious", "suspicious", "benign", "unknown")
TLPS: Final = ("clear", "green", "amber", "red")
TAGS: Final = ("family", "behaviour", "yara")
LINKS: Final = ("parent", "child", "downloads", "loads", "executes")
#: flags: the kind of row, and the name of the flag there
FLAGS: Final = {
    "manual": ("verdict", "manual"),
    "shared": ("verdict", "shared"),
    "contradicting": ("verdict", "contradictingStatusOverrides"),
    "alerted": ("submission", "eventGeneratedAlerted"),
    "trusted": ("submission", "trustedAgent"),
}
ANY = "*"


def word(reading: Reading) -> Document:
    if found := hashes_in(reading.term.text):
        return _by_hash(found)
    return keyword(reading)


def keyword(reading: Reading) -> Document:
    stars = "*" if not any(part.quoted for part in reading.term.parts) else ""
    text = reading.term.text.strip(stars + " ") if stars else reading.term.text.strip()
    if stars and "*" in text:
        raise BadValue(
            'A word is found anywhere in a text, and holds no "*". Write the parts as words of their own.'
        )
    if not SHORTEST_WORD <= len(text) <= LONGEST_WORD:
        raise BadValue(f"A word has at least {SHORTEST_WORD} characters, and at most {LONGEST_WORD}.")
    return {"keywords": [text], **DEMANDED}


def _by_hash(hashes: Iterable[str]) -> Document:
    return either([{str(algorithm_of(digest)): [digest]} for digest in hashes])


def hash_of(algorithm: str | None) -> Meaning:
    def meaning(reading: Reading) -> Document:
        found = hashes_in(reading.term.text)
        if not found or (algorithm and any(algorithm_of(digest) != algorithm for digest in found)):
            wanted = algorithm.upper() if algorithm else "hash (MD5, SHA1, SHA256, SHA512)"
            raise BadValue(f"{quoted(reading.term.text)} is no {wanted}. A hash is compared as a whole.")
        return _by_hash(found)

    return meaning


def values(name: str) -> Meaning:
    return lambda reading: {name: [plain(reading.term)]}


def row_with(kind: str, name: str) -> Meaning:
    return lambda reading: row(kind, **{name: [plain(reading.term)]})


def one_of(values: Iterable[str], what: str, says: Callable[[str], Document]) -> Meaning:
    known = tuple(values)

    def meaning(reading: Reading) -> Document:
        value = plain(reading.term).lower()
        if value not in known:
            raise unknown_value(value, known, what)
        return says(value)

    return meaning


def assessed(value: str) -> Document:
    if value == "unknown":
        return negated(row("verdict", assessment=list(ASSESSMENTS[:-1])))
    return row("verdict", assessment=[value])


def flagged(value: str) -> Document:
    kind, flag = FLAGS[value]
    return row(kind, includeFlags=[flag])


def score(reading: Reading) -> Document:
    bounds = bounds_of(reading.term, _read_score, _read_score)
    fields: dict[str, Any] = {}
    if bounds.start is not None:
        fields["minimumScore"] = bounds.start
    if bounds.end is not None:
        fields["maximumScore"] = bounds.end - 1
    return row("verdict", **fields)


def _read_score(text: str) -> Any:
    return read_number(text, -1, 100)


def size(reading: Reading) -> Document:
    bounds = bounds_of(reading.term, read_size, read_size)
    return {"size": [bounds.start, bounds.end]}


def name_of(reading: Reading) -> Document:
    parts = reading.term.parts
    if not any("*" in part.text for part in parts if not part.quoted):
        return row("submission", fileName=[reading.term.text])
    pieces = [""]
    for part in parts:
        first, *others = [part.text] if part.quoted else part.text.split("*")
        pieces[-1] += first
        pieces.extend(others)
    if max(map(len, pieces)) < SHORTEST_WORD:
        raise BadValue(f'Beside "*" a name has at least {SHORTEST_WORD} characters together.')
    return row("submission", fileNameLike=[pieces])


def tag(reading: Reading) -> Document:
    text = plain(reading.term)
    type_, colon, value = text.partition(":")
    if colon and type_.lower() in TAGS:
        return _tagged([type_.lower()], value)
    return _tagged(TAGS, text)


def _tagged(types: Iterable[str], value: str) -> Document:
    if not value:
        raise BadValue('A tag has a value, as in "tag:family:Emotet".')
    return row("verdict", tags=[{"type": type_, "value": value} for type_ in types])


def tag_of(type_: str) -> Meaning:
    return lambda reading: _tagged([type_], plain(reading.term))


def at_path(kind: str, name: str) -> Meaning:
    """A value at a path, anything at a path (`*`), or without a path a value anywhere."""

    def meaning(reading: Reading) -> Document:
        is_any = reading.term.text == ANY and not reading.term.parts[0].quoted
        criterion: dict[str, Any] = {"path": reading.path} if reading.path else {}
        if not (is_any and reading.path):
            criterion["value"] = [plain(reading.term)]
        return row(kind, **{name: [criterion]})

    return meaning


def fact(reading: Reading) -> Document:
    is_any = reading.term.text == ANY and not reading.term.parts[0].quoted
    fields = {"key": [reading.path]} if reading.path else {}
    if not (is_any and reading.path):
        fields["value"] = [plain(reading.term)]
    return row("fact", **fields)


def agent(kind: str) -> Meaning:
    return lambda reading: row(kind, userAgent=[{"name": [plain(reading.term)]}])


def link(type_: str | None) -> Meaning:
    """A link of a type, to a sample, or both."""

    def meaning(reading: Reading) -> Document:
        text = plain(reading.term)
        fields: dict[str, Any] = {"linkType": [type_]} if type_ else {}
        if type_ is None and text.lower() in LINKS:
            return row("link", linkType=[text.lower()])
        found = hashes_in(text)
        if not found or any(algorithm_of(digest) != "sha256" for digest in found):
            raise BadValue(f"{quoted(text)} is no SHA256 of a sample that a link leads to.")
        return row("link", reference=found, **fields)

    return meaning
