"""Objects embedded in RTF documents, each an OLE 1.0 object in hexadecimal digits."""

import binascii
import re
import struct
from itertools import accumulate

from samplebank.worker.analysers.extract.compound import native_of
from samplebank.worker.analysers.extract.haul import Haul
from samplebank.worker.analysers.extract.kinds import Kind, kind_of

MOST_OBJECTS = 200
OBJECT = re.compile(rb"\\objdata\b|\\datastore\b")
#: digits; a size of bytes that stand there as they are; braces and blanks; words, which readers pass over
PIECE = re.compile(
    rb"(?P<digits>[0-9a-fA-F]+)|\\bin(?P<size>\d{1,9}) ?|(?P<braces>[{}\s]+)"
    rb"|\\'[0-9a-fA-F]{2}|\\[a-zA-Z]+-?\d*\s?|\\[^a-zA-Z]"
)
#: what a byte adds to the depth of groups
STEPS = [(byte == ord("{")) - (byte == ord("}")) for byte in range(256)]
#: where an OLE 1.0 object is embedded, and how long the names in its header may be
EMBEDDED, LONGEST = 2, 1024


def open_rtf(data: bytes, haul: Haul) -> None:
    """Take the objects of an RTF document: a package as its file, any other object as it is embedded."""
    for number, found in enumerate(OBJECT.finditer(data)):
        if number >= MOST_OBJECTS:
            return
        haul.go_on()
        content = _object_at(data, found.end())
        name, content = _unwrapped(content, f"object-{number}")
        if content and kind_of(name, content) is not Kind.LISTED and haul.begin(name, len(content)):
            haul.take(name, content, "rtf")


def _object_at(data: bytes, place: int) -> bytes:
    r"""The bytes that the digits from `place` on spell, and those behind `\bin`, up to the end of the group."""
    content, digits, depth = bytearray(), bytearray(), 0
    while depth >= 0 and (piece := PIECE.match(data, place)):
        place = piece.end()
        if piece["digits"]:
            digits += piece["digits"]
        elif piece["braces"]:
            depth = _depth_behind(piece["braces"], depth)
        elif piece["size"]:
            end = place + int(piece["size"])
            content += _spelled(digits) + data[place:end]
            place, digits = end, bytearray()
    return bytes(content + _spelled(digits))


def _depth_behind(braces: bytes, depth: int) -> int:
    """The depth of groups behind braces; negative where the group ends among the braces, whatever follows there."""
    if braces.count(b"}") > depth and min(accumulate(map(STEPS.__getitem__, braces), initial=depth)) < 0:
        return -1
    return depth + braces.count(b"{") - braces.count(b"}")


def _spelled(digits: bytearray) -> bytes:
    return binascii.unhexlify(digits[: len(digits) // 2 * 2])


def _unwrapped(content: bytes, name: str) -> tuple[str, bytes]:
    """The bytes of an OLE 1.0 object without the header; a package without its own header, too."""
    try:
        _, kind = struct.unpack_from("<II", content)
        if kind != EMBEDDED:
            return name, content
        place, names = 8, []
        for _ in range(3):
            (length,) = struct.unpack_from("<I", content, place)
            if length > LONGEST:
                return name, content
            names.append(content[place + 4 : place + 4 + length].rstrip(b"\0").lower())
            place += 4 + length
        (size,) = struct.unpack_from("<I", content, place)
    except struct.error:
        return name, content
    inner = content[place + 4 : place + 4 + size]
    if names[0] == b"package":
        found = native_of(struct.pack("<I", len(inner)) + inner)
        return found if found is not None else (name, inner)
    return name, inner
