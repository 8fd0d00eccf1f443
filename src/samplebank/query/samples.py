"""The language for samples: its fields, and the document of an advanced search that a query means."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from samplebank.query.compiling import compile_with
from samplebank.query.documents import DEMANDED, Document, either, negated, row
from samplebank.query.fields import Field, Meaning, Reading, Vocabulary, unknown_value
from samplebank.query.hashes import algorithm_of, hashes_in
from samplebank.query.mistakes import quoted
from samplebank.query.tree import Query, Term
from samplebank.query.values import BadValue, bounds_of, read_number, read_size, read_time, since
from samplebank.timespec import Millis

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


def document_of(query: Query, now: Millis) -> Document:
    """The document of a search for samples. Raises `BadQuery` with every mistake."""
    return compile_with(SAMPLES, query, now)


def _plain(term: Term) -> str:
    """The value of a field that is compared as a whole."""
    if any("*" in part.text for part in term.parts if not part.quoted):
        said = (
            'Here "*" has no meaning: the whole value is compared. A bare word is found anywhere in a text.'
        )
        raise BadValue(said)
    return term.text


def _word(reading: Reading) -> Document:
    if found := hashes_in(reading.term.text):
        return _by_hash(found)
    return _keyword(reading)


def _keyword(reading: Reading) -> Document:
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


def _hash(algorithm: str | None) -> Meaning:
    def meaning(reading: Reading) -> Document:
        found = hashes_in(reading.term.text)
        if not found or (algorithm and any(algorithm_of(digest) != algorithm for digest in found)):
            wanted = algorithm.upper() if algorithm else "hash (MD5, SHA1, SHA256, SHA512)"
            raise BadValue(f"{quoted(reading.term.text)} is no {wanted}. A hash is compared as a whole.")
        return _by_hash(found)

    return meaning


def _list(name: str) -> Meaning:
    return lambda reading: {name: [_plain(reading.term)]}


def _row(kind: str, name: str) -> Meaning:
    return lambda reading: row(kind, **{name: [_plain(reading.term)]})


def _one_of(values: Iterable[str], what: str, says: Callable[[str], Document]) -> Meaning:
    known = tuple(values)

    def meaning(reading: Reading) -> Document:
        value = _plain(reading.term).lower()
        if value not in known:
            raise unknown_value(value, known, what)
        return says(value)

    return meaning


def _assessed(value: str) -> Document:
    if value == "unknown":
        return negated(row("verdict", assessment=list(ASSESSMENTS[:-1])))
    return row("verdict", assessment=[value])


def _flagged(value: str) -> Document:
    kind, flag = FLAGS[value]
    return row(kind, includeFlags=[flag])


def _score(reading: Reading) -> Document:
    bounds = bounds_of(reading.term, _read_score, _read_score)
    fields: dict[str, Any] = {}
    if bounds.start is not None:
        fields["minimumScore"] = bounds.start
    if bounds.end is not None:
        fields["maximumScore"] = bounds.end - 1
    return row("verdict", **fields)


def _read_score(text: str) -> Any:
    return read_number(text, -1, 100)


def _size(reading: Reading) -> Document:
    bounds = bounds_of(reading.term, read_size, read_size)
    return {"size": [bounds.start, bounds.end]}


def _time(name: str) -> Meaning:
    def meaning(reading: Reading) -> Document:
        now = reading.now
        bounds = bounds_of(reading.term, lambda text: read_time(text, now), lambda text: since(text, now))
        return {
            "startTimestamp": bounds.start,
            "endTimestamp": bounds.end,
            "timeFieldStrategy": [name],
        }

    return meaning


def _name(reading: Reading) -> Document:
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


def _tag(reading: Reading) -> Document:
    text = _plain(reading.term)
    type_, colon, value = text.partition(":")
    if colon and type_.lower() in TAGS:
        return _tagged([type_.lower()], value)
    return _tagged(TAGS, text)


def _tagged(types: Iterable[str], value: str) -> Document:
    if not value:
        raise BadValue('A tag has a value, as in "tag:family:Emotet".')
    return row("verdict", tags=[{"type": type_, "value": value} for type_ in types])


def _tag_of(type_: str) -> Meaning:
    return lambda reading: _tagged([type_], _plain(reading.term))


def _at_path(kind: str, name: str) -> Meaning:
    """A value at a path, anything at a path (`*`), or without a path a value anywhere."""

    def meaning(reading: Reading) -> Document:
        is_any = reading.term.text == ANY and not reading.term.parts[0].quoted
        criterion: dict[str, Any] = {"path": reading.path} if reading.path else {}
        if not (is_any and reading.path):
            criterion["value"] = [_plain(reading.term)]
        return row(kind, **{name: [criterion]})

    return meaning


def _fact(reading: Reading) -> Document:
    is_any = reading.term.text == ANY and not reading.term.parts[0].quoted
    fields = {"key": [reading.path]} if reading.path else {}
    if not (is_any and reading.path):
        fields["value"] = [_plain(reading.term)]
    return row("fact", **fields)


def _agent(kind: str) -> Meaning:
    return lambda reading: row(kind, userAgent=[{"name": [_plain(reading.term)]}])


def _link(type_: str | None) -> Meaning:
    """A link of a type, to a sample, or both."""

    def meaning(reading: Reading) -> Document:
        text = _plain(reading.term)
        fields: dict[str, Any] = {"linkType": [type_]} if type_ else {}
        if type_ is None and text.lower() in LINKS:
            return row("link", linkType=[text.lower()])
        found = hashes_in(text)
        if not found or any(algorithm_of(digest) != "sha256" for digest in found):
            raise BadValue(f"{quoted(text)} is no SHA256 of a sample that a link leads to.")
        return row("link", reference=found, **fields)

    return meaning


TEXT_FIELDS = (
    Field(
        "type",
        "type of file",
        "type:pebin",
        _row("classification", "type"),
        ("pebin", "elf", "pdf", "zip", "docx"),
    ),
    Field(
        "supertype",
        "kind of file",
        "supertype:executable",
        _row("classification", "superType"),
        ("executable", "document", "archive", "text", "code", "image"),
    ),
    Field("arch", "architecture of a program", "arch:x86", _row("classification", "arch")),
    Field("platform", "platform of a program", "platform:windows", _row("classification", "platform")),
    Field(
        "name",
        'name of the file; "*" stands for anything',
        "name:invoice*.exe",
        _name,
        other_names=("filename",),
    ),
    Field("mime", "MIME type as submitted", "mime:application/pdf", _row("submission", "mimeType")),
    Field("customer", "customer that submitted the sample", "customer:acme", _list("customer")),
    Field("user", "user that submitted, analysed or linked the sample", "user:alice", _list("user")),
    Field("agent", "program that submitted the sample", "agent:sensor", _agent("submission")),
    Field("worker", "worker that analysed the sample", "worker:yara", _agent("analysis"), ("static", "yara")),
    Field(
        "meta",
        "metadata of a submission",
        "meta.source:mail",
        _at_path("submission", "metaData"),
        has_path=True,
    ),
    Field(
        "result",
        "value in the result of an analysis",
        "result.packer:UPX",
        _at_path("analysis", "analysisResult"),
        has_path=True,
    ),
    Field("fact", "fact about the sample", "fact.campaign:spring", _fact, has_path=True),
    Field("keyword", "text anywhere, as a bare word", 'keyword:"kz mutex"', _keyword),
)
VERDICT_FIELDS = (
    Field(
        "verdict",
        "what the latest verdict says",
        "verdict:malicious",
        _one_of(ASSESSMENTS, "verdict", _assessed),
        ASSESSMENTS,
    ),
    Field("score", "score of the latest verdict, -1 to 100", "score:70..", _score),
    Field(
        "tag",
        "tag of the latest verdict, with or without its type",
        "tag:family:Emotet",
        _tag,
        tuple(f"{type_}:" for type_ in TAGS),
    ),
    Field("family", "family of malware", "family:Emotet", _tag_of("family")),
    Field("behaviour", "behaviour", "behaviour:persistence", _tag_of("behaviour"), other_names=("behavior",)),
    Field("yara", "YARA rule", "yara:UPX", _tag_of("yara")),
    Field(
        "is",
        "flag of the verdict or of a submission",
        "is:manual",
        _one_of(FLAGS, "flag", _flagged),
        tuple(FLAGS),
    ),
    Field(
        "tlp",
        "TLP of a submission, analysis or link",
        "tlp:amber",
        _one_of(TLPS, "TLP", lambda value: {"tlp": [value]}),
        TLPS,
    ),
)
NUMBER_FIELDS = (
    Field("size", "size in bytes, with K, M, G or T", "size:>1M", _size),
    Field(
        "seen",
        "a submission at that time",
        "seen:-7d",
        _time("submissionCreated"),
        ("-1d", "-7d", "-30d", "today"),
    ),
    Field(
        "first",
        "the first submission at that time",
        "first:2026-11-01..2026-11-08",
        _time("firstSubmitted"),
        ("-1d", "-7d", "-30d", "today"),
    ),
    Field(
        "last",
        "the last submission at that time",
        "last:..-30d",
        _time("lastSubmitted"),
        ("-1d", "-7d", "-30d", "today"),
    ),
    Field(
        "observed",
        "a submission that was observed at that time",
        "observed:yesterday",
        _time("submissionObserved"),
    ),
    Field(
        "analysed",
        "an analysis at that time",
        "analysed:-1d",
        _time("analysisCreated"),
        other_names=("analyzed",),
    ),
    Field("created", "the sample stored at that time", "created:2026-11", _time("sampleCreated")),
)
HASH_FIELDS = (
    *(
        Field(
            name,
            name.upper(),
            f"{name}:{'0123456789abcdef' * 8}"[: digits + len(name) + 1],
            _hash(name),
            other_names=(f"sha-{name[3:]}",) if name != "md5" else (),
        )
        for name, digits in (("md5", 32), ("sha1", 40), ("sha256", 64), ("sha512", 128))
    ),
    Field("hash", "any of these hashes", f"hash:{'0123456789abcdef' * 2}", _hash(None)),
    Field("link", "a link of that type, or to that SHA256", "link:child", _link(None), LINKS),
    *(
        Field(
            type_, f"a link of type {type_} to that SHA256", f"{type_}:{'0123456789abcdef' * 4}", _link(type_)
        )
        for type_ in LINKS
    ),
)
SAMPLES: Final = Vocabulary((*TEXT_FIELDS, *VERDICT_FIELDS, *NUMBER_FIELDS, *HASH_FIELDS), _word)
