"""Attachments of TNEF files (`winmail.dat`). Source: the specification MS-OXTNEF."""

import struct
from collections.abc import Iterator
from uuid import UUID

from samplebank.worker.analysers.extract.haul import Haul

HEADER_BYTES = 6
#: attributes of an attachment: its beginning, the name, the bytes, the properties
BEGIN, TITLE, DATA, PROPERTIES = 0x00069002, 0x00018010, 0x0006800F, 0x00069005
#: IID_IMessage, and the mark of a TNEF file: an attached mail stands in the properties, and is a TNEF file itself
MAIL = UUID("00020307-0000-0000-c000-000000000046").bytes_le
MARK = b"\x78\x9f\x3e\x22"


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
            _take(path, content, haul)
        elif attribute == PROPERTIES and (mail := _mail_in(content)):
            _take(name or f"mail-{number}", mail, haul)


def _take(path: str, content: bytes, haul: Haul) -> None:
    if haul.begin(path, len(content)):
        haul.take(path, content, "tnef")


def _mail_in(properties: bytes) -> bytes:
    """The attached mail among the properties; nothing where there is none. The number before the mail counts its identifier, too."""
    place = properties.find(MAIL + MARK)
    if place < 0:
        return b""
    size = int.from_bytes(properties[max(0, place - 4) : place], "little")
    return properties[place + len(MAIL) : place + max(size, len(MAIL))]


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
            yield from sorted(group, key=lambda part: part[0] in {DATA, PROPERTIES})
            group = []
        group.append(one)
