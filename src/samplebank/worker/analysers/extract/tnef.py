"""Attachments of TNEF files (`winmail.dat`). Source: the specification MS-OXTNEF."""

import struct
from collections.abc import Iterator

from samplebank.worker.analysers.extract.haul import Haul

HEADER_BYTES = 6
#: attributes of an attachment: its beginning, the name, the bytes
BEGIN, TITLE, DATA = 0x00069002, 0x00018010, 0x0006800F


def open_tnef(data: bytes, haul: Haul) -> None:
    """Take the attachments. A damaged file gives the attachments before the damage."""
    name, number = "", 0
    for attribute, content in _attributes(data):
        if attribute == BEGIN:
            name, number = "", number + 1
        elif attribute == TITLE:
            name = content.rstrip(b"\0").decode("cp1252", "replace")
        elif attribute == DATA:
            path = name or f"attachment-{number}"
            if haul.begin(path, len(content)):
                haul.take(path, content, "tnef")


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The attributes of the file. Clients write the name of an attachment before its bytes, or behind: see `_ordered`."""
    place, found = HEADER_BYTES, []
    while place + 9 <= len(data):
        _, attribute, length = struct.unpack_from("<BII", data, place)
        found.append((attribute, data[place + 9 : place + 9 + length]))
        place += 9 + length + 2
    yield from _ordered(found)


def _ordered(found: list[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Within each attachment, the name first."""
    group: list[tuple[int, bytes]] = []
    for one in [*found, (BEGIN, b"")]:
        if one[0] == BEGIN:
            yield from sorted(group, key=lambda part: part[0] == DATA)
            group = []
        group.append(one)
