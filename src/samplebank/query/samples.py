"""The language for samples: its fields, and the document of an advanced search that a query means."""

from typing import Final

from samplebank.query import sample_meanings as means
from samplebank.query.compiling import compile_with
from samplebank.query.documents import Document
from samplebank.query.fields import Field, Vocabulary
from samplebank.query.terms import USUAL_TIMES, time_field
from samplebank.query.tree import Query
from samplebank.timespec import Millis


def document_of(query: Query, now: Millis) -> Document:
    """The document of a search for samples. Raises `BadQuery` with every mistake."""
    return compile_with(SAMPLES, query, now)


TEXT_FIELDS = (
    Field(
        "type",
        "type of file",
        "type:pebin",
        means.row_with("classification", "type"),
        ("pebin", "elf", "pdf", "zip", "docx"),
    ),
    Field(
        "supertype",
        "kind of file",
        "supertype:executable",
        means.row_with("classification", "superType"),
        ("executable", "document", "archive", "text", "code", "image"),
    ),
    Field("arch", "architecture of a program", "arch:x86", means.row_with("classification", "arch")),
    Field(
        "platform", "platform of a program", "platform:windows", means.row_with("classification", "platform")
    ),
    Field(
        "name",
        'name of the file; "*" stands for anything',
        "name:invoice*.exe",
        means.name_of,
        other_names=("filename",),
    ),
    Field("mime", "MIME type as submitted", "mime:application/pdf", means.row_with("submission", "mimeType")),
    Field("customer", "customer that submitted the sample", "customer:acme", means.values("customer")),
    Field("user", "user that submitted, analysed or linked the sample", "user:alice", means.values("user")),
    Field("agent", "program that submitted the sample", "agent:sensor", means.agent("submission")),
    Field(
        "worker",
        "worker that analysed the sample",
        "worker:yara",
        means.agent("analysis"),
        ("static", "yara"),
    ),
    Field(
        "meta",
        "metadata of a submission",
        "meta.source:mail",
        means.at_path("submission", "metaData"),
        has_path=True,
    ),
    Field(
        "result",
        "value in the result of an analysis",
        "result.packer:UPX",
        means.at_path("analysis", "analysisResult"),
        has_path=True,
    ),
    Field("fact", "fact about the sample", "fact.campaign:spring", means.fact, has_path=True),
    Field(
        "imphash",
        "imports of a Windows program",
        f"imphash:{'0123456789abcdef' * 2}",
        means.derived("imphash"),
    ),
    Field("keyword", "text anywhere, as a bare word", 'keyword:"kz mutex"', means.keyword),
)
VERDICT_FIELDS = (
    Field(
        "verdict",
        "what the latest verdict says",
        "verdict:malicious",
        means.one_of(means.ASSESSMENTS, "verdict", means.assessed),
        means.ASSESSMENTS,
    ),
    Field("score", "score of the latest verdict, -1 to 100", "score:70..", means.score),
    Field(
        "tag",
        "tag of the latest verdict, with or without its type",
        "tag:family:Emotet",
        means.tag,
        tuple(f"{type_}:" for type_ in means.TAGS),
    ),
    Field("family", "family of malware", "family:Emotet", means.tag_of("family")),
    Field(
        "behaviour",
        "behaviour",
        "behaviour:persistence",
        means.tag_of("behaviour"),
        other_names=("behavior",),
    ),
    Field("yara", "YARA rule", "yara:UPX", means.tag_of("yara")),
    Field(
        "is",
        "flag of the verdict or of a submission",
        "is:manual",
        means.one_of(means.FLAGS, "flag", means.flagged),
        tuple(means.FLAGS),
    ),
    Field(
        "tlp",
        "TLP of a submission, analysis or link",
        "tlp:amber",
        means.one_of(means.TLPS, "TLP", lambda value: {"tlp": [value]}),
        means.TLPS,
    ),
)
NUMBER_FIELDS = (
    Field("size", "size in bytes, with K, M, G or T", "size:>1M", means.size),
    Field(
        "seen",
        "a submission at that time",
        "seen:-7d",
        time_field("submissionCreated"),
        USUAL_TIMES,
    ),
    Field(
        "first",
        "the first submission at that time",
        "first:2026-11-01..2026-11-08",
        time_field("firstSubmitted"),
        USUAL_TIMES,
    ),
    Field(
        "last",
        "the last submission at that time",
        "last:..-30d",
        time_field("lastSubmitted"),
        USUAL_TIMES,
    ),
    Field(
        "observed",
        "a submission that was observed at that time",
        "observed:yesterday",
        time_field("submissionObserved"),
    ),
    Field(
        "analysed",
        "an analysis at that time",
        "analysed:-1d",
        time_field("analysisCreated"),
        other_names=("analyzed",),
    ),
    Field("created", "the sample stored at that time", "created:2026-11", time_field("sampleCreated")),
)
HASH_FIELDS = (
    *(
        Field(
            name,
            name.upper(),
            f"{name}:{'0123456789abcdef' * 8}"[: digits + len(name) + 1],
            means.hash_of(name),
            other_names=(f"sha-{name[3:]}",) if name != "md5" else (),
        )
        for name, digits in (("md5", 32), ("sha1", 40), ("sha256", 64), ("sha512", 128))
    ),
    Field("hash", "any of these hashes", f"hash:{'0123456789abcdef' * 2}", means.hash_of(None)),
    Field("link", "a link of that type, or to that SHA256", "link:child", means.link(None), means.LINKS),
    *(
        Field(
            type_,
            f"a link of type {type_} to that SHA256",
            f"{type_}:{'0123456789abcdef' * 4}",
            means.link(type_),
        )
        for type_ in means.LINKS
    ),
)
SAMPLES: Final = Vocabulary((*TEXT_FIELDS, *VERDICT_FIELDS, *NUMBER_FIELDS, *HASH_FIELDS), means.word)
