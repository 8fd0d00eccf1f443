"""Files of lzip: members, each with a header, a stream of LZMA and its own length at the end. Source: the manual of lzip."""

import io
import lzma
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

MARK, HEADER_BYTES, TRAILER_BYTES = b"LZIP\x01", 6, 20
#: the properties that lzip fixes, and a length that the end of the stream tells
PROPERTIES, UNKNOWN_LENGTH = b"\x5d", b"\xff" * 8


def opened(file: BinaryIO) -> Any:
    """A stream of the unpacked bytes of all members."""
    data = file.read()
    members = list(_members(data))[::-1] or [data]  # of a file that is cut off, the first member is tried
    return lzma.open(io.BytesIO(b"".join(map(_as_lzma, members))), format=lzma.FORMAT_ALONE)


def _members(data: bytes) -> Iterator[bytes]:
    """The members, from the last one to the first."""
    end = len(data)
    while end > HEADER_BYTES + TRAILER_BYTES:
        (size,) = struct.unpack_from("<Q", data, end - 8)
        start = end - size
        if start < 0 or size <= HEADER_BYTES + TRAILER_BYTES or not data.startswith(MARK, start):
            return
        yield data[start:end]
        end = start


def _as_lzma(member: bytes) -> bytes:
    """A member with the header of the older format, which the standard library reads."""
    coded = member[len(MARK)] if len(member) > len(MARK) else 0
    whole = 1 << (coded & 0x1F)
    size = whole - (whole >> 4) * (coded >> 5)
    return PROPERTIES + struct.pack("<I", size) + UNKNOWN_LENGTH + member[HEADER_BYTES:-TRAILER_BYTES]
