"""Programs of .NET in one file: the assemblies and libraries that stand behind the program, packed or not.

Source: the design document of single-file bundles of .NET, and `Microsoft.NET.HostModel/Bundle/Manifest.cs`.
"""

import hashlib
import re
import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from samplebank.worker.analysers.extract.haul import Haul

#: the SHA-256 of `.net core bundle`, which stands in each program; the place of the table of files stands in front
MARK = bytes.fromhex("8b1202b96a612038727b930214d7a03213f5b9e6efae3318ee3b2dce24b36aae")
PLACE_BYTES = 8
#: the mark may stand in a program before, to mislead
MOST_MARKS = 20
#: version and number of files; the name of the bundle follows, and from a version on places of settings
HEADER, SETTINGS, SETTINGS_SINCE = struct.Struct("<IIi"), struct.Struct("<5Q"), 2
#: place and size of a file, the packed size from a version on, the kind; the path follows
ENTRY, PACKED_ENTRY, PACKED_SINCE = struct.Struct("<qqB"), struct.Struct("<qqqB"), 6
MOST_VERSION, MOST_FILES, LONGEST_PATH = 20, 5000, 4096
#: a program that brings .NET along has this file, and the names of the other files of .NET
OF_NET = "System.Private.CoreLib.dll"
NAMES_OF_NET = re.compile(
    r"(?:(?:System|Microsoft|Presentation|WindowsBase|UIAutomation|mscor|netstandard|clr|coreclr|host|ucrtbase|api-ms-win|Accessibility)"
    r"[\w.-]*)\.(?:dll|so|dylib)",
    re.IGNORECASE,
)
OWN = "a part of .NET"
BROKEN = (zlib.error, struct.error, ValueError, IndexError)


class Entry(NamedTuple):
    """A file of the bundle. A file that is not packed has the packed size 0."""

    path: str
    place: int
    size: int
    packed: int


def is_bundle(data: bytes) -> bool:
    return _header_place(data) > 0


def open_bundle(data: bytes, haul: Haul) -> None:
    """Take the files. What belongs to .NET itself is listed, where the program brings all of .NET along."""
    entries: list[Entry] = []
    try:
        entries.extend(_entries(data))
    except BROKEN:
        haul.problems.append("dotnet: the table of the files cannot be read to its end.")
    brings_net = any(entry.path == OF_NET for entry in entries)
    for entry in sorted(entries, key=lambda entry: NAMES_OF_NET.fullmatch(entry.path) is not None):
        if not haul.begin(entry.path, entry.size, entry.packed or entry.size):
            continue
        try:
            content = _content(data, entry)
        except BROKEN as error:
            haul.fail(entry.path, entry.size, error)
            continue
        if brings_net and NAMES_OF_NET.fullmatch(entry.path):
            haul.pass_over(entry.path, entry.size, OWN, hashlib.sha256(content).hexdigest())
        else:
            haul.take(entry.path, content, "dotnet")


def _header_place(data: bytes) -> int:
    """Where the table of files begins; 0 for a program without files."""
    for mark in islice(re.finditer(re.escape(MARK), data), MOST_MARKS):
        place = int.from_bytes(data[max(0, mark.start() - PLACE_BYTES) : mark.start()], "little")
        if 0 < place <= len(data) - HEADER.size:
            return place
    return 0


def _entries(data: bytes) -> Iterator[Entry]:
    place = _header_place(data)
    version, _, count = HEADER.unpack_from(data, place)
    if version > MOST_VERSION:
        raise ValueError("a version that is not known")
    _, place = _text(data, place + HEADER.size)
    place += SETTINGS.size if version >= SETTINGS_SINCE else 0
    for _ in range(min(count, MOST_FILES)):
        if version >= PACKED_SINCE:
            start, size, packed, _ = PACKED_ENTRY.unpack_from(data, place)
            path, place = _text(data, place + PACKED_ENTRY.size)
        else:
            (start, size, _), packed = ENTRY.unpack_from(data, place), 0
            path, place = _text(data, place + ENTRY.size)
        if min(start, size, packed) < 0:
            raise ValueError("a size below zero")
        yield Entry(path.replace("\\", "/"), start, size, packed)


def _text(data: bytes, place: int) -> tuple[str, int]:
    """A text behind its length, and the place behind the text. Each byte of the length holds seven bits, the lowest ones first."""
    length = shift = 0
    while data[place] & 0x80:
        length |= (data[place] & 0x7F) << shift
        shift, place = shift + 7, place + 1
    length |= data[place] << shift
    if length > LONGEST_PATH or place + 1 + length > len(data):
        raise ValueError("a text that is too long")
    return data[place + 1 : place + 1 + length].decode("utf-8", "replace"), place + 1 + length


def _content(data: bytes, entry: Entry) -> bytes:
    if not entry.packed:
        return data[entry.place : entry.place + entry.size]
    packed = data[entry.place : entry.place + entry.packed]
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, max(entry.size, 1))
