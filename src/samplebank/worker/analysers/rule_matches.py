"""What the match of a rule means by the metadata of the rule, and how a result shows the match."""

import math
import mmap
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import get_args

import msgspec
import yara_x

from samplebank.worker.contract import JSON, NO_FINDINGS, SUSPICIOUS_SCORE, Assessment, Tag

#: the score of a rule without a score
DEFAULT_SCORE = 50
DEFAULT_ASSESSMENT: Assessment = "unknown"
ASSESSMENTS: Mapping[str, Assessment] = {name: name for name in get_args(Assessment)}
BEST_SCORE = 100
NUMBER = re.compile(r"\s*[+-]?\d{1,9}(?:\.\d{1,9})?\s*")
LONGEST_DESCRIPTION, LONGEST_NAME, MOST_TAGS = 500, 200, 20
#: offsets of one pattern, patterns of one rule, and patterns of all rules in a result
MOST_OFFSETS, MOST_PATTERNS, MOST_OF_ALL = 5, 20, 1000
#: bytes of a match in a result
LONGEST_TEXT = 64
PRINTABLE = range(0x20, 0x7F)


NUMBERS: JSON = {"type": "array", "items": {"type": "integer", "minimum": 0}}
#: the schema of the patterns of a match
PATTERNS: JSON = {
    "title": "Patterns",
    "type": "array",
    "items": {
        "type": "object",
        "required": ["name", "count", "offsets"],
        "properties": {
            "name": {"title": "Pattern", "type": "string"},
            "count": {"title": "Matches", "type": "integer", "minimum": 1},
            "text": {"title": "First match", "type": "string"},
            "offsets": {"title": "Offsets", **NUMBERS},
            "lengths": {"title": "Lengths", **NUMBERS},
        },
    },
}


class Meaning(msgspec.Struct, frozen=True):
    """The metadata of a rule, with defaults in place of missing and wrong values."""

    score: int
    assessment: Assessment
    family: str | None
    description: str | None


def tags_of(rules: Iterable[tuple[str, Meaning]]) -> list[Tag]:
    """The tags of rules by name, the best first: an analysis holds few tags, and no rule takes the family of a better one."""
    return [
        tag
        for rule, meaning in rules
        for tag in (Tag("yara", rule), *([Tag("family", meaning.family)] if meaning.family else []))
    ]


def score_by(meanings: Iterable[Meaning]) -> int:
    """The highest score of the rules that match. A low one that informs only says nothing: the file would be called benign."""
    told = (
        meaning.score
        for meaning in meanings
        if meaning.score >= SUSPICIOUS_SCORE or meaning.assessment != "informational"
    )
    return max(told, default=NO_FINDINGS)


class Match(msgspec.Struct, frozen=True):
    """A rule that matches. `file` is the path of its file inside the folder of rules."""

    rule: yara_x.Rule
    file: str
    meaning: Meaning


def meaning_of(stated: Sequence[tuple[str, JSON]]) -> Meaning:
    """Read the metadata, however their names are spelled. Of several entries with one name, the last one counts."""
    known = {name.lower(): value for name, value in stated}
    return Meaning(
        score=_score(known.get("score")),
        assessment=ASSESSMENTS.get(str(known.get("assessment")).lower(), DEFAULT_ASSESSMENT),
        family=_text(known.get("family"), LONGEST_NAME),
        description=_text(known.get("description"), LONGEST_DESCRIPTION),
    )


def described(matches: Sequence[Match], content: bytes | mmap.mmap) -> list[dict[str, JSON]]:
    """The matches as a result shows them. `content` is what was scanned."""
    told: list[dict[str, JSON]] = []
    left = MOST_OF_ALL
    for match in matches:
        patterns = patterns_of(match, content, min(left, MOST_PATTERNS))
        left -= len(patterns)
        told.append(
            {
                "rule": match.rule.identifier,
                "file": match.file,
                **msgspec.structs.asdict(match.meaning),
                "tags": [tag[:LONGEST_NAME] for tag in islice(match.rule.tags, MOST_TAGS)],
                "patterns": patterns,
            }
        )
    return told


def patterns_of(match: Match, content: bytes | mmap.mmap, most: int) -> list[dict[str, JSON]]:
    """The patterns that match, with the places and the text of their matches."""
    found = (pattern for pattern in match.rule.patterns if pattern.matches)
    return [_pattern(pattern, content) for pattern in islice(found, most)]


def _score(value: JSON) -> int:
    """A score of 0 to 100, from a number or the text of a number; the default for anything else."""
    if isinstance(value, str) and NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return DEFAULT_SCORE
    return round(min(max(value, 0), BEST_SCORE))


def _text(value: JSON, most: int) -> str | None:
    return value[:most] if isinstance(value, str) and value else None


def _pattern(pattern: yara_x.Pattern, content: bytes | mmap.mmap) -> dict[str, JSON]:
    first = pattern.matches[:MOST_OFFSETS]
    return {
        "name": pattern.identifier[:LONGEST_NAME],
        "count": len(pattern.matches),
        "offsets": [match.offset for match in first],
        "lengths": [match.length for match in first],
        "text": spelled(
            bytes(content[first[0].offset : first[0].offset + min(first[0].length, LONGEST_TEXT)])
        ),
    }


def spelled(content: bytes) -> str:
    """Bytes as a text of printable ASCII letters; other bytes, and the backslash, as escapes."""
    return "".join(
        chr(byte) if byte in PRINTABLE and byte != ord("\\") else f"\\x{byte:02x}" for byte in content
    )
