"""The code signature of a program for Apple's systems: who the program says it is, and what the program may do."""

import hashlib
import plistlib
import struct
from itertools import islice
from typing import Any
from xml.parsers.expat import ExpatError

from samplebank.worker.analysers.damage import DAMAGE
from samplebank.worker.analysers.static.programs import plain
from samplebank.worker.contract import JSON

#: kinds of parts of a signature
EMBEDDED, DIRECTORY, ENTITLEMENTS = 0xFADE0CC0, 0xFADE0C02, 0xFADE7171
HEADER, ENTRY, NUMBERS = struct.Struct(">II"), struct.Struct(">II"), struct.Struct(">11I")
#: the version from which on a directory names the team, and where the directory does so
WITH_TEAM, TEAM_AT = 0x20200, 48
MOST_PARTS, MOST_ENTITLEMENTS, MOST_NAME_BYTES = 32, 200, 300
DIGESTS = {1: "sha1", 2: "sha256", 3: "sha256", 4: "sha384"}
HASH_KIND_AT, SHORT_DIGEST = 37, 40


def signature_facts(content: bytes) -> dict[str, JSON]:
    """The facts of a signature. `cdHash` is the hash by which Apple's systems know the program."""
    facts: dict[str, JSON] = {"identifier": None, "team": None, "cdHash": None, "entitlements": {}}
    for kind, part in _parts(content):
        if kind == DIRECTORY and facts["cdHash"] is None:
            facts |= _directory(part)
        elif kind == ENTITLEMENTS:
            facts["entitlements"] = _entitlements(part[HEADER.size :])
    return facts


def _parts(content: bytes) -> list[tuple[int, bytes]]:
    """The parts of a signature, each with its kind. Raises struct.error."""
    kind, _ = HEADER.unpack_from(content)
    count = int.from_bytes(content[8:12], "big") if kind == EMBEDDED else 0
    found = []
    for number in range(min(count, MOST_PARTS)):
        _, start = ENTRY.unpack_from(content, 12 + number * ENTRY.size)
        part_kind, size = HEADER.unpack_from(content, start)
        found.append((part_kind, content[start : start + size]))
    return found


def _directory(part: bytes) -> dict[str, JSON]:
    version, name_at = NUMBERS.unpack_from(part)[2], NUMBERS.unpack_from(part)[5]
    team_at = int.from_bytes(part[TEAM_AT : TEAM_AT + 4], "big") if version >= WITH_TEAM else 0
    digest = DIGESTS.get(part[HASH_KIND_AT], "sha256")
    return {
        "identifier": _text(part, name_at),
        "team": _text(part, team_at) if team_at else None,
        "cdHash": hashlib.new(digest, part).hexdigest()[:SHORT_DIGEST],
    }


def _text(part: bytes, at: int) -> str:
    return plain(part[at : at + MOST_NAME_BYTES].split(b"\0")[0])


def _entitlements(document: bytes) -> dict[str, JSON]:
    try:
        read: Any = plistlib.loads(document, fmt=plistlib.FMT_XML)
        return {plain(name): _value(read[name]) for name in islice(read, MOST_ENTITLEMENTS)}
    except (*DAMAGE, ExpatError):
        return {}


def _value(value: Any) -> JSON:
    if isinstance(value, bool | int):
        return value
    return (
        [plain(one) for one in islice(value, MOST_ENTITLEMENTS)] if isinstance(value, list) else plain(value)
    )
