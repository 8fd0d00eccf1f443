"""Turns the words of an analyser into forms that the interface accepts. The words may quote a hostile sample."""

import hashlib
import math
import re
import struct
from typing import Any

import msgspec

from samplebank.nesting import written_out
from samplebank.spelling import respelled
from samplebank.worker.contract import JSON, Child, Evidence, Result

# The patterns of AnalysisAddRequest and of evidence file names, inverted. \w means ASCII only, as for the strictest reader.
NOT_IN_TEXT = re.compile(r"""[^\s\w{}$\-().\[\]"'_/\\,*+#:@!?;=]|\\(?=u[0-9a-f]{4})""", re.ASCII)
NOT_IN_FILE_NAME = re.compile(r"[^a-zA-Z0-9_:\-.]")
# PostgreSQL's jsonb has no NUL, and UTF-8 has no lone surrogates.
NOT_IN_JSON = re.compile("[\0\ud800-\udfff]")
NOT_A_MIME_TYPE = re.compile(r"[^a-zA-Z0-9!#$&^_.+/;= -]")
NOT_IN_HEADER = re.compile("[^ -~]")

MOST_CHARACTERS, MOST_OF_HEADER = 200, 100
MOST_OF_MESSAGE = 10_000
#: characters of the path of a child, and of the words that may open the child: both stand in an address of 8 KiB
MOST_OF_PATH, MOST_OF_WORDS = 500, 500
UNNAMED = "unnamed"
#: characters of the digest that tells two cut texts with the same beginning apart
DIGEST_CHARACTERS = 16
MOST_TAGS = 100
MOST_DETECTIONS = 1000
MOST_FACTS = 100
DEEPEST_JSON = 50
#: integers of 64 bits: most readers of JSON hold no others
INTEGERS = range(-(2**63), 2**64)
#: Python refuses to write longer integers in decimal
MOST_DECIMAL_BITS = 10_000


def analysis_request(result: Result, *, customer: str, tlp: str, agent: dict[str, str]) -> dict[str, JSON]:
    """Phrase a result as an AnalysisAddRequest."""
    tags = dict.fromkeys((tag.type, text(tag.value)) for tag in result.tags)
    request: dict[str, JSON] = {
        "analysisResult": json_value(result.result),
        "analysisScore": result.score,
        "customer": customer,
        "tlp": tlp,
        "userAgent": agent,
        "tags": [{"type": kind, "value": value} for kind, value in tags if value][:MOST_TAGS],
        "triggeredDetections": [
            {"name": text(detection.name), "assessment": detection.assessment}
            for detection in result.detections[:MOST_DETECTIONS]
        ],
    }
    if result.facts:
        told = dict.fromkeys((fact.kind, storable(fact.value)) for fact in result.facts)
        request["facts"] = [{"kind": kind, "value": value} for kind, value in told][:MOST_FACTS]
    if result.possible_detections is not None:
        request["possibleDetections"] = result.possible_detections
    if result.profile is not None:
        request["profile"] = text(result.profile)
    if result.status_override is not None:
        request["verdictStatusOverride"] = result.status_override
    return request


def excess(result: JSON, most: int) -> str:
    """Says that a result has more than `most` bytes as JSON. Empty for a result that the service takes."""
    size = written_out(msgspec.json.encode(result))
    return (
        f"The result has {size} bytes as JSON, but the service takes {most} at most." if size > most else ""
    )


def child_query(child: Child, version: str) -> dict[str, str]:
    """Phrase a child as the query of the request that brings its bytes."""
    path = storable(child.name)[:MOST_OF_PATH] or UNNAMED
    base = path.replace("\\", "/").rstrip("/").rpartition("/")[2]
    query = {
        "path": path,
        "fileName": base[-MOST_CHARACTERS:] or UNNAMED,
        "version": text(version),
        "how": storable(child.how)[:MOST_CHARACTERS],
        "relation": child.relation,
    }
    if child.password:
        query["password"] = storable(child.password)[:MOST_OF_WORDS]
    return query


def header(value: str) -> str:
    """Spell a text as the value of a header of HTTP."""
    return NOT_IN_HEADER.sub("?", value).strip()[:MOST_OF_HEADER]


def text(value: str) -> str:
    r"""Spell a text within the pattern, as JSON would. Different texts stay different.

    A character outside the pattern becomes `\uXXXX`. A text that is too long is cut, and ends with a digest of the whole.
    """
    whole = respelled("NFC", value).strip()
    spelled = NOT_IN_TEXT.sub(_escaped, whole)
    if len(spelled) <= MOST_CHARACTERS:
        return spelled
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST_CHARACTERS]
    return f"{spelled[: MOST_CHARACTERS - DIGEST_CHARACTERS - 1]}#{digest}"


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{unit:04x}" for (unit,) in struct.iter_unpack(">H", units))


def storable(value: str) -> str:
    """The text, with U+FFFD for each character that UTF-8 or PostgreSQL cannot keep."""
    return NOT_IN_JSON.sub("\ufffd", value)


def message(value: str) -> str:
    """The message of a failed task, in a form that can be stored."""
    return storable(value)[:MOST_OF_MESSAGE]


def file_name(evidence: Evidence) -> str:
    name = NOT_IN_FILE_NAME.sub("_", evidence.file_name)[-MOST_CHARACTERS:]
    # a URL reads "." and ".." as folders, not as names
    return name if name.strip(".") else "evidence"


def mime_type(evidence: Evidence) -> str:
    cleaned = NOT_A_MIME_TYPE.sub("", evidence.mime_type)[:MOST_CHARACTERS]
    return cleaned if "/" in cleaned else "application/octet-stream"


def json_value(value: Any, depth: int = 0) -> JSON:
    """Copy a value as JSON that a database keeps: NaN and infinities become null, integers beyond 64 bits become digits."""
    if depth > DEEPEST_JSON:
        return None
    match value:
        case dict():
            return {storable(str(key)): json_value(item, depth + 1) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [json_value(item, depth + 1) for item in value]
        case _:
            return _simple(value)


def _simple(value: Any) -> JSON:
    match value:
        case None | bool():
            return value
        case int():
            return int(value) if value in INTEGERS else _digits(value)
        case float():
            return float(value) if math.isfinite(value) else None
        case bytes() | bytearray():
            return storable(value.decode(errors="backslashreplace"))
        case _:
            return storable(str(value))


def _digits(value: int) -> str:
    return str(value) if value.bit_length() <= MOST_DECIMAL_BITS else hex(value)
