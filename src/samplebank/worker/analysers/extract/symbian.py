"""Installers of Symbian before version 9 (SIS): each file is a stream of zlib, found by its beginning."""

import re
import zlib

from samplebank.worker.analysers.extract.haul import Haul

#: the number in all Symbian installers behind two other numbers
MARK, MARK_PLACE = b"\x19\x04\0\x10", 8
STREAM = re.compile(rb"\x78[\x01\x5e\x9c\xda]")
#: the look of a stream, the bytes of a stream, and the bytes of an installer. Phones of the time held no more
MOST_STREAMS, MOST_UNPACKED, MOST_BYTES = 200, 32 * 1024 * 1024, 16 * 1024 * 1024


def is_installer(data: bytes) -> bool:
    return data.startswith(MARK, MARK_PLACE) and len(data) <= MOST_BYTES


def open_installer(data: bytes, haul: Haul) -> None:
    """Take the packed files. Their names stand apart, so the files get numbers."""
    place, number = 0, 0
    for _ in range(MOST_STREAMS):
        found = STREAM.search(data, place)
        if found is None:
            return
        unpacking = zlib.decompressobj()
        place = found.start() + 1
        try:
            content = unpacking.decompress(data[found.start() :], MOST_UNPACKED)
        except zlib.error:
            continue
        if not unpacking.eof:
            continue
        packed = len(data) - found.start() - len(unpacking.unused_data)
        place = found.start() + packed
        path = f"file-{number}"
        number += 1
        if haul.begin(path, len(content), packed):
            haul.take(path, content, "sis")
