"""What the fields of the language for samples mean, as documents of an advanced search."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from samplebank.query.documents import DEMANDED, Document, either, negated, row
from samplebank.query.fields import Meaning, Reading, unknown_value
from samplebank.query.hashes import ALGORITHMS, algorithm_of, hashes_in
from samplebank.query.mistakes import quoted
from samplebank.query.terms import plain
from samplebank.query.tree import Term
from samplebank.query.values import BadValue, Bounds, bounds_of, read_number, read_size

SHORTEST_WORD: Final = 3
#: scores
LEAST, MOST = -1, 100
#: comparing takes time by the length of a name for each further `*`
MOST_STARS: Final = 4
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
#: facts that workers derive from the bytes of samples
DERIVED: Final = frozenset(
    {
        *(
            "tlsh",
            "imphash",
            "authentihash",
            "rich-hash",
            "pdb",
            "section",
            "icon",
            "certificate",
            "dotnet-mvid",
        ),
        *("build-id", "go-build-id", "macho-uuid", "import-hash", "lnk-machine", "lnk-mac", "pdf-id"),
        *("vba-project", "macro", "version-info", "message-domain"),
    }
)


def word(reading: Reading) -> Document:
    if found := hashes_in(reading.term.text):
        return _by_hash(found)
    return keyword(reading)


def keyword(reading: Reading) -> Document:
    found = [piece for piece in _between_stars(reading.term) if piece]
    if len(found) > 1:
        raise BadValue(
            'A word holds no "*": a word is found anywhere in a text. Write the parts as words of their own.'
        )
    text = "".join(found).strip()
    if len(text) < SHORTEST_WORD:
        raise BadValue(f"A word has at least {SHORTEST_WORD} characters.")
    return {"keywords": [text], **DEMANDED}


def _between_stars(term: Term) -> list[str]:
    """The texts between the `*` of a value. In quotes, `*` is a character as any other."""
    pieces = [""]
    for part in term.parts:
        first, *others = [part.text] if part.quoted else part.text.split("*")
        pieces[-1] += first
        pieces.extend(others)
    return pieces


def _by_hash(hashes: Iterable[str]) -> Document:
    """One of the hashes; those of an algorithm are a list."""
    found: dict[str, list[str]] = {}
    for digest in hashes:
        found.setdefault(ALGORITHMS[len(digest)], []).append(digest)
    return either([{algorithm: listed} for algorithm, listed in found.items()])


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
    if (bounds.start or LEAST) > MOST or bounds.end == LEAST:
        raise BadValue(f"No score lies there: scores are from {LEAST} to {MOST}.")
    fields: dict[str, Any] = {}
    if bounds.start is not None:
        fields["minimumScore"] = bounds.start
    if bounds.end is not None:
        fields["maximumScore"] = bounds.end - 1
    return row("verdict", **fields)


def _read_score(text: str) -> Bounds:
    return read_number(text, LEAST, MOST)


def size(reading: Reading) -> Document:
    bounds = bounds_of(reading.term, read_size, read_size)
    return {"size": [bounds.start, bounds.end]}


def name_of(reading: Reading) -> Document:
    pieces = _between_stars(reading.term)
    if len(pieces) == 1:
        return row("submission", fileName=pieces)
    if max(map(len, pieces)) < SHORTEST_WORD:
        raise BadValue(f'Beside "*" a name has at least {SHORTEST_WORD} characters together.')
    if len(pieces) > MOST_STARS + 1:
        raise BadValue(f'A name holds at most {MOST_STARS} "*".')
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
    if is_any and reading.path:
        return row("fact", **fields)
    fields["value"] = [plain(reading.term)]
    said = row("fact", **fields)
    return either([said, row("derived", **fields)]) if reading.path in DERIVED else said


def derived(kind: str) -> Meaning:
    return lambda reading: row("derived", key=[kind], value=[plain(reading.term)])


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
            if type_ is None:
                raise unknown_value(
                    text.lower(), LINKS, "type of link, and no SHA256 of a sample that a link leads to"
                )
            raise BadValue(f"{quoted(text)} is no SHA256 of a sample that a link leads to.")
        return row("link", reference=list(found), **fields)

    return meaning
