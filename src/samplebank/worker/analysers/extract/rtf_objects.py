"""Objects embedded in RTF documents: their hexadecimal digits, and the header of OLE 1.0 before an object."""

import re
import struct
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import NamedTuple

#: the word before the digits. A number of the word stands apart from the digits, and has no meaning.
OBJECT = re.compile(rb"(?<!\\)(?:\\\\)*\\(?:objdata|datastore)(?![a-zA-Z])(?:-?\d{1,10}(?![0-9a-fA-F]))?")
#: digits, with characters that readers pass over; braces; a size of bytes that stand there as they are; other words
PIECE = re.compile(
    rb"(?P<digits>[^\\{}]+)|(?P<braces>[{}][{}\s]*)|\\bin(?P<size>\d{1,9})(?![\da-zA-Z]) ?"
    rb"|(?P<odd>\\'[0-9a-fA-F]{2}|\\[a-zA-Z]+-?\d+ ?)|\\[a-zA-Z]+ ?|\\[^a-zA-Z]"
)
NO_DIGITS = bytes(set(range(256)) - set(b"0123456789abcdefABCDEF"))
#: what a byte adds to the depth of groups
STEPS = [(byte == ord("{")) - (byte == ord("}")) for byte in range(256)]
#: the kind of an OLE 1.0 object that is embedded, and how long the names in its header may be
EMBEDDED, LONGEST_NAME = 2, 1024


class RtfObject(NamedTuple):
    """The bytes that the digits spell, and how many odd words and groups stand between the digits."""

    content: bytes
    disguises: int


class Ole1(NamedTuple):
    """An object of OLE 1.0: its class and its bytes. A link has no bytes."""

    class_name: str
    content: bytes | None


def objects_in(data: bytes, go_on: Callable[[], object]) -> Iterator[RtfObject]:
    """Read the objects one after the other. Calls `go_on` again and again, which raises at the end of the time."""
    for found in OBJECT.finditer(data):
        yield _object_at(data, found.end(), go_on)


def _object_at(data: bytes, place: int, go_on: Callable[[], object]) -> RtfObject:
    r"""The bytes that the digits from `place` on spell, and those behind `\bin`, up to the end of the group."""
    content, digits, depth, disguises = bytearray(), bytearray(), 0, 0
    while depth >= 0 and (piece := PIECE.match(data, place)):
        place = piece.end()
        go_on()
        match piece.lastgroup:
            case "digits":
                digits += piece["digits"].translate(None, NO_DIGITS)
            case "braces":
                disguises += piece["braces"].count(b"{")
                depth = _depth_behind(piece["braces"], depth)
            case "size":
                disguises += 1
                end = place + int(piece["size"])
                content += _spelled(digits) + data[place:end]
                place, digits = end, bytearray()
            case "odd":
                disguises += 1
    return RtfObject(bytes(content + _spelled(digits)), disguises)


def _depth_behind(braces: bytes, depth: int) -> int:
    """The depth of groups behind braces; negative where the group ends among the braces, whatever follows there."""
    if braces.count(b"}") > depth and min(accumulate(map(STEPS.__getitem__, braces), initial=depth)) < 0:
        return -1
    return depth + braces.count(b"{") - braces.count(b"}")


def _spelled(digits: bytearray) -> bytes:
    return bytes.fromhex(digits[: len(digits) // 2 * 2].decode())


def ole1_of(content: bytes) -> Ole1 | None:
    """The object of OLE 1.0 that `content` is; None for bytes without a header of OLE 1.0."""
    try:
        _, kind = struct.unpack_from("<II", content)
        place, names = 8, []
        for _ in range(3):
            (length,) = struct.unpack_from("<I", content, place)
            if length > LONGEST_NAME:
                return None
            names.append(content[place + 4 : place + 4 + length].rstrip(b"\0"))
            place += 4 + length
        (size,) = struct.unpack_from("<I", content, place)
    except struct.error:
        return None
    name = names[0].decode("cp1252", "replace")
    return Ole1(name, content[place + 4 : place + 4 + size] if kind == EMBEDDED else None)
