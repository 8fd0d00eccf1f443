"""Lists the entries of a ZIP file as leniently as installers and office programs do. Runs inside sandbox children only.

The standard library refuses a whole archive for one odd field, and then the type of the file stays unknown.
Source: PKWARE's APPNOTE 6.3.10, sections 4.3.7 (local file header), 4.3.12 (central directory), 4.3.14 and 4.3.16 (the end
of the central directory).
"""

import bz2
import lzma
import os
import struct
import zlib
from typing import BinaryIO, Protocol

import msgspec

MIB = 1024 * 1024
MOST_ENTRIES, MOST_DIRECTORY_BYTES = 100_000, 16 * MIB
#: the end of the directory lies within so many last bytes: a comment may follow, and careless programs append more
END_WITHIN = MIB
#: bytes of one name, and of all names: a directory may claim gigabytes of names
MOST_READ_NAME_BYTES, MOST_READ_NAMES_BYTES = 1024, 8 * MIB

LOCAL, CENTRAL, END, END_64 = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06"
LOCAL_HEADER = struct.Struct("<4s5H3I2H")
CENTRAL_HEADER = struct.Struct("<4s6H3I5H2I")
END_HEADER = struct.Struct("<4s4H2IH")
STORED, DEFLATED, BZIP2, LZMA = 0, 8, 12, 14
#: what unpackers raise for a damaged content
DAMAGE = (zlib.error, lzma.LZMAError, OSError, EOFError)
#: the version and the length of the properties of LZMA, and a length of the content that the properties leave open
LZMA_HEADER, UNKNOWN_LENGTH, MOST_DICTIONARY_BYTES = struct.Struct("<2xH"), b"\xff" * 8, 160 * MIB
AES_METHOD = 99
#: general purpose bits: encrypted, strong encryption, names of the local headers masked; and name in UTF-8
ENCRYPTION_BITS, UTF_8 = 1 | 1 << 6 | 1 << 13, 1 << 11
#: general purpose bit: a mark ends a content that is packed by LZMA
ENDS_BY_MARK = 1 << 1
WHOLE_FILE = 0xFFFFFFFF


class Unreadable(ValueError):
    """The content of an entry is missing, or is packed by an unknown method."""


class Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class Entry(msgspec.Struct, frozen=True):
    """An entry as the directory claims. `place` is where the local header begins. `packed` and `size` are in bytes."""

    name: str
    flags: int
    method: int
    packed: int
    size: int
    place: int

    @property
    def is_encrypted(self) -> bool:
        return bool(self.flags & ENCRYPTION_BITS) or self.method == AES_METHOD


class Directory(msgspec.Struct, frozen=True):
    """`shift` counts the bytes before the archive: the offsets of the archive leave `shift` out."""

    entries: list[Entry]
    shift: int = 0


def read_directory(file: BinaryIO) -> Directory:
    """List the entries by the central directory. Without a central directory, list by the local headers."""
    size = file.seek(0, os.SEEK_END)
    start = max(0, size - MOST_DIRECTORY_BYTES - END_WITHIN)
    file.seek(start)
    tail = file.read(MOST_DIRECTORY_BYTES + END_WITHIN)
    place, shift = _directory_place(tail, start)
    entries = _central_entries(tail, place) if place >= 0 else []
    file.seek(0)
    head = file.read(MOST_DIRECTORY_BYTES)
    if entries and (shift == 0 or not head.startswith(LOCAL)):
        return Directory(entries, shift or 0)
    # No end record fits, or the end record leaves out the start of the file. So the directory may be of an archive inside.
    local = _local_entries(head)
    is_better = bool(local) and (shift is not None or len(local) > len(entries))
    return Directory(local if is_better else entries)


def read_content(file: BinaryIO, directory: Directory, entry: Entry, most: int) -> bytes:
    """The first bytes of an entry. Raises Unreadable where no content can be unpacked."""
    for place in dict.fromkeys((entry.place + directory.shift, entry.place)):
        file.seek(place)
        header = file.read(LOCAL_HEADER.size)
        if len(header) == LOCAL_HEADER.size and header.startswith(LOCAL):
            break
    else:
        raise Unreadable(entry.name)
    name_bytes, extra_bytes = LOCAL_HEADER.unpack(header)[-2:]
    file.seek(place + LOCAL_HEADER.size + name_bytes + extra_bytes)
    return unpack(file, entry, most)


def unpack(file: BinaryIO, entry: Entry, most: int) -> bytes:
    """The first bytes of an entry whose packed bytes come next in the file. Raises Unreadable."""
    if entry.method == STORED:
        return file.read(min(entry.packed, most))
    if entry.method not in {DEFLATED, BZIP2, LZMA}:
        raise Unreadable(entry.name)
    try:
        return _unpacked(file, entry, most)
    except (*DAMAGE, struct.error) as error:
        raise Unreadable(entry.name) from error


def _unpacked(file: BinaryIO, entry: Entry, most: int) -> bytes:
    """Unpack as much as possible. Of a damaged content, the bytes before the damage count."""
    end, content = file.tell() + entry.packed, bytearray()
    unpacker = _unpacker(file, entry.method)
    if entry.method == LZMA and not entry.flags & ENDS_BY_MARK and entry.size:
        most = min(most, entry.size)  # nothing else tells where the content ends
    while len(content) < most and not unpacker.eof:
        block = file.read(max(0, min(end - file.tell(), 16 * 1024)))
        if not block:
            break
        try:
            content += unpacker.decompress(block, most - len(content))
        except DAMAGE:
            if content:
                break
            raise
    return bytes(content)


def _unpacker(file: BinaryIO, method: int) -> Unpacker:
    """The unpacker of a method. The header of LZMA is read from the file."""
    if method == DEFLATED:
        return zlib.decompressobj(-zlib.MAX_WBITS)
    if method == BZIP2:
        return bz2.BZ2Decompressor()
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=MOST_DICTIONARY_BYTES)
    (size,) = LZMA_HEADER.unpack(file.read(LZMA_HEADER.size))
    unpacker.decompress(file.read(size) + UNKNOWN_LENGTH)
    return unpacker


def _directory_place(tail: bytes, start: int) -> tuple[int, int | None]:
    """The place of the central directory in the tail (-1: none), and the shift of all offsets (None: no end record fits)."""
    end = tail.rfind(END)
    if end >= 0 and len(tail) - end >= END_HEADER.size:
        size, offset = END_HEADER.unpack_from(tail, end)[5:7]
        before = end
        if WHOLE_FILE in {size, offset} and (end_64 := tail.rfind(END_64, 0, end)) >= 0:
            size, offset = struct.unpack_from("<QQ", tail.ljust(end_64 + 56, b"\0"), end_64 + 40)
            before = end_64
        for place in (before - size, offset - start):
            if place >= 0 and tail.startswith(CENTRAL, place):
                return place, start + place - offset
    last = tail.rfind(CENTRAL)
    # Headers before the last run of headers belong to an archive inside.
    before = max(tail.rfind(LOCAL, 0, max(last, 0)), tail.rfind(END, 0, max(last, 0)))
    return tail.find(CENTRAL, before + 1), None


def _central_entries(tail: bytes, place: int) -> list[Entry]:
    entries: list[Entry] = []
    left = MOST_READ_NAMES_BYTES
    while (
        place >= 0 and len(tail) - place >= CENTRAL_HEADER.size and len(entries) < MOST_ENTRIES and left > 0
    ):
        fields = CENTRAL_HEADER.unpack_from(tail, place)
        flags, method, packed, size = fields[3], fields[4], fields[8], fields[9]
        name_bytes, extra_bytes, comment_bytes, offset = fields[10], fields[11], fields[12], fields[16]
        name = place + CENTRAL_HEADER.size
        text = _text(tail[name : name + name_bytes], flags)
        left -= len(text)
        entries.append(Entry(text, flags, method, packed, size, offset))
        place = name + name_bytes + extra_bytes + comment_bytes
        if not tail.startswith(CENTRAL, place):
            if tail.startswith((END, END_64), place):
                break
            # The lengths of the header are wrong, so search for the next header.
            place = tail.find(CENTRAL, name)
    return entries


def _local_entries(content: bytes) -> list[Entry]:
    entries: list[Entry] = []
    place = content.find(LOCAL)
    left = MOST_READ_NAMES_BYTES
    while (
        place >= 0 and len(content) - place >= LOCAL_HEADER.size and len(entries) < MOST_ENTRIES and left > 0
    ):
        fields = LOCAL_HEADER.unpack_from(content, place)
        flags, method, packed, size, name_bytes = fields[2], fields[3], fields[7], fields[8], fields[9]
        name = place + LOCAL_HEADER.size
        text = _text(content[name : name + name_bytes], flags)
        left -= len(text)
        # With a packed size of 0, the true size follows the content.
        entries.append(Entry(text, flags, method, packed or len(content), size, place))
        end = name + name_bytes + fields[10] + packed
        # Step over the content: an archive inside has local headers, too.
        place = end if content.startswith(LOCAL, end) else content.find(LOCAL, name + name_bytes)
    return entries


def name_of(name: bytes, flags: int) -> str:
    """The name of a member, by the flags of the member, with slashes between folders."""
    return name.decode("utf-8" if flags & UTF_8 else "cp437", errors="replace").replace("\\", "/")


def _text(name: bytes, flags: int) -> str:
    return name_of(name[:MOST_READ_NAME_BYTES], flags)
