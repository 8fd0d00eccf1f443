"""Objects embedded in presentations of PowerPoint before 2007, each a record with a compound file. Source: the specification MS-PPT."""

import re
import struct
import zlib
from collections.abc import Iterator

STREAM = "powerpoint document"
MOST_OBJECTS, MOST_BYTES = 200, 128 * 1024 * 1024
#: the header of a record ExOleObjStg: the instance (1: compressed), the type, the length
RECORD = re.compile(rb"([\x00\x10])\x00\x11\x10(....)", re.DOTALL)
COMPRESSED = b"\x10"
COMPOUND = b"\xd0\xcf\x11\xe0"
SIZE_BYTES = 4


def objects(stream: bytes) -> Iterator[bytes]:
    """The compound files in the stream of a presentation. Other records that look alike are passed over."""
    for number, found in enumerate(RECORD.finditer(stream)):
        if number >= MOST_OBJECTS:
            return
        (size,) = struct.unpack("<I", found[2])
        content = stream[found.end() : found.end() + size]
        if found[1] == COMPRESSED:
            content = _unpacked(content[SIZE_BYTES:])
        if content.startswith(COMPOUND):
            yield content


def _unpacked(packed: bytes) -> bytes:
    """The unpacked bytes; none where no compound file begins."""
    unpacking = zlib.decompressobj()
    try:
        head = unpacking.decompress(packed, len(COMPOUND))
        if head != COMPOUND:
            return b""
        return head + unpacking.decompress(unpacking.unconsumed_tail, MOST_BYTES)
    except zlib.error:
        return b""
