"""The kinds of facts that workers derive from the bytes of a sample, and which values a fact may have."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from samplebank.errors import Violation

TLSH: Final = "tlsh"
MD5, SHA256 = "[0-9a-f]{32}", "[0-9a-f]{64}"
#: a text without control characters
TEXT: Final = r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,260}"
#: the kinds with the pattern of their values
PATTERNS: Final = {
    TLSH: "T1[0-9A-F]{70}",
    "imphash": MD5,
    "authentihash": SHA256,
    "rich-hash": MD5,
    "pdb": TEXT,
    "section": SHA256,
    "icon": SHA256,
    "certificate": SHA256,
    "dotnet-mvid": "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "build-id": "[0-9a-f]{8,128}",
    "go-build-id": TEXT,
    "macho-uuid": MD5,
    "import-hash": SHA256,
    "lnk-machine": TEXT,
    "lnk-mac": "[0-9a-f]{2}(:[0-9a-f]{2}){5}",
    "pdf-id": "[0-9a-f]{8,128}",
    "vba-project": SHA256,
    "macro": SHA256,
    "version-info": SHA256,
    "message-domain": r"[a-z0-9_.-]{1,253}",
}
#: the most values of the kinds that may have several
SEVERAL: Final = {"section": 20, "certificate": 10, "macro": 50}
#: the most values of an answer
MOST: Final = 100


class Fact(msgspec.Struct, frozen=True):
    kind: str
    value: str


def violations_of(facts: Sequence[Fact], field: str) -> Iterable[Violation]:
    """Find what is wrong with facts, each with its place in `field`."""
    numbers: dict[str, int] = {}
    for place, fact in enumerate(facts):
        pattern = PATTERNS.get(fact.kind)
        if pattern is None:
            known = ", ".join(PATTERNS)
            yield Violation(
                f"There is no kind of fact with this name. There are {known}.", f"{field}[{place}].kind"
            )
            continue
        if not re.fullmatch(pattern, fact.value):
            yield Violation(f"This is no value of the kind {fact.kind}.", f"{field}[{place}].value")
        numbers[fact.kind] = numbers.get(fact.kind, 0) + 1
    for kind, number in numbers.items():
        if number > (most := SEVERAL.get(kind, 1)):
            yield Violation(f"There are {number} facts of the kind {kind}, but {most} at most may be.", field)
