"""Unpacks the source of VBA macros. Source: MS-OVBA, sections 2.3.4.2 (the stream `dir`) and 2.4.1 (compression)."""

import re
import struct
from collections.abc import Iterator

import msgspec

#: bytes of one unpacked stream, and modules of a project
MOST_UNPACKED, MOST_MODULES = 4 * 1024 * 1024, 500
CONTAINER, CHUNK_BYTES, HEADER = 1, 4096, struct.Struct("<H")
SIGNATURE = 0b011
#: the first bytes of a packed module: the container, a chunk, a flag of eight literals, and the words of an attribute
PACKED_MODULE = re.compile(rb"\x01.[\xb0-\xbf]\x00Attribut", re.DOTALL)
RECORD = struct.Struct("<HI")
#: records of the stream `dir`
CODE_PAGE, VERSION, NAME, STREAM, OFFSET, PROCEDURAL, CLASS, END = (
    0x03,
    0x09,
    0x19,
    0x1A,
    0x31,
    0x21,
    0x22,
    0x2B,
)
#: the record of the version says that it has 4 bytes, and has 6
VERSION_BYTES = 6
OLD_CODE_PAGE = 1252


class Module(msgspec.Struct, frozen=True):
    """A module of a project. `offset` is where in the stream the packed source begins."""

    name: str
    stream: str
    offset: int
    is_class: bool = False


def unpacked(data: bytes, place: int = 0) -> bytes:
    """Unpack a container. Of a damaged container, the bytes before the damage."""
    if len(data) <= place or data[place] != CONTAINER:
        return b""
    out = bytearray()
    place += 1
    while place + HEADER.size <= len(data) and len(out) < MOST_UNPACKED:
        (header,) = HEADER.unpack_from(data, place)
        if header >> 12 & 0b111 != SIGNATURE:
            break
        end = min(place + (header & 0xFFF) + 3, len(data))
        if header >> 15:
            _unpack_chunk(data, place + HEADER.size, end, out)
        else:
            out += data[place + HEADER.size : place + HEADER.size + CHUNK_BYTES]
            end = place + HEADER.size + CHUNK_BYTES
        place = end
    return bytes(out)


def _unpack_chunk(data: bytes, place: int, end: int, out: bytearray) -> None:
    start = len(out)
    while place < end:
        flags = data[place]
        place += 1
        if not flags:
            out += data[place : min(place + 8, end)]
            place += 8
            continue
        for bit in range(8):
            if place >= end:
                return
            if not flags >> bit & 1:
                out.append(data[place])
                place += 1
                continue
            if place + 2 > end or not _copy(data[place] | data[place + 1] << 8, start, out):
                return
            place += 2


def _copy(token: int, start: int, out: bytearray) -> bool:
    """Repeat bytes of the chunk. False for a token that points before the chunk."""
    done = len(out) - start
    if done < 1:
        return False
    bits = max((done - 1).bit_length(), 4)
    length, back = (token & 0xFFFF >> bits) + 3, (token >> 16 - bits) + 1
    if back > done or done > CHUNK_BYTES:
        return False
    from_ = len(out) - back
    piece = out[from_ : from_ + length]
    while len(piece) < length:
        piece += piece[: length - len(piece)]
    out += piece
    return True


def modules_of(directory: bytes) -> tuple[int, list[Module]]:
    """The code page and the modules by the unpacked stream `dir`."""
    code_page, modules = OLD_CODE_PAGE, []
    fields: dict[int, bytes] = {}
    for kind, content in _records(directory):
        if kind == CODE_PAGE and len(content) >= HEADER.size:
            code_page = HEADER.unpack_from(content)[0]
        elif kind == END and STREAM in fields:
            modules.append(_module(fields, code_page))
            fields = {}
        else:
            fields[kind] = content
        if len(modules) >= MOST_MODULES:
            break
    return code_page, modules


def _records(directory: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place + RECORD.size <= len(directory):
        kind, size = RECORD.unpack_from(directory, place)
        place += RECORD.size
        size = VERSION_BYTES if kind == VERSION else size
        yield kind, directory[place : place + size]
        place += size


def _module(fields: dict[int, bytes], code_page: int) -> Module:
    stream = decoded(fields[STREAM], code_page)
    offset = fields.get(OFFSET, b"")
    return Module(
        name=decoded(fields.get(NAME, b""), code_page) or stream,
        stream=stream,
        offset=struct.unpack("<I", offset)[0] if len(offset) == 4 else 0,  # noqa: PLR2004
        is_class=CLASS in fields,
    )


def decoded(text: bytes, code_page: int) -> str:
    """A text in the code page of a project. An unknown code page is read as that of the West."""
    try:
        return text.decode(f"cp{code_page}" if code_page != 10000 else "mac_roman", "replace")  # noqa: PLR2004
    except LookupError:
        return text.decode("cp1252", "replace")


def packed_modules(stream: bytes) -> Iterator[bytes]:
    """The sources of all packed modules in some bytes, by the marks of their first bytes."""
    place, left = 0, MOST_MODULES
    while left > 0 and (found := PACKED_MODULE.search(stream, place)):
        yield unpacked(stream, found.start())
        place, left = found.end(), left - 1
