"""Files attached to pages of OneNote, carved by the mark of each file. Source: the specification MS-ONESTORE."""

import re
import struct
from uuid import UUID

from samplebank.worker.analysers.extract.haul import Haul
from samplebank.worker.analysers.extract.kinds import HEAD_BYTES, is_text

#: stands before and behind each file (FileDataStoreObject)
BEFORE = UUID("bde316e7-2665-4511-a4c4-8d4d0b7a9eac").bytes_le
BEHIND = UUID("71fba722-0f79-4a0b-bb13-899256426b24").bytes_le
#: the mark, the length of the file (8 bytes) and 12 bytes without a meaning
HEADER_BYTES = 36
MOST_FILES = 500
#: the id by which a page refers to a file, the number of letters of the ending, and the ending of the name, in UTF-16
REFERRED = re.compile(
    rb"<\0i\0f\0n\0d\0f\0>\0\{\0((?:[0-9a-fA-F-]\0){36})\}\0([\x01-\x14])\0\0\0((?:[ -~]\0){1,20})"
)
#: bytes before the id in the table of files, among which the place of the file stands
PLACE_BYTES = 16


def open_onenote(data: bytes, haul: Haul) -> None:
    """Take the attached files. A reader of the page opens a file by two clicks, so texts become samples, too."""
    endings = _endings(data)
    place, number = data.find(BEFORE), 0
    while place >= 0 and number < MOST_FILES:
        content = _file_at(data, place)
        name = f"file-{number}{_ending_of(data, place, endings)}"
        if content and haul.begin(name, len(content), len(content)):
            haul.take(name, content, "onenote", acts=is_text(content[:HEAD_BYTES]))
        number += 1
        place = data.find(BEFORE, place + HEADER_BYTES + len(content))


def _file_at(data: bytes, place: int) -> bytes:
    """The bytes of a file. Where the length is a lie, the file ends at the mark behind the file."""
    start = place + HEADER_BYTES
    if len(data) < start:
        return b""
    (size,) = struct.unpack_from("<Q", data, place + len(BEFORE))
    end = start + size if size <= len(data) - start else data.find(BEHIND, start)
    return data[start : max(end, start)]


def _endings(data: bytes) -> dict[bytes, str]:
    """The ending of the name of each file, by the id of the file."""
    told = {}
    for number, found in enumerate(REFERRED.finditer(data)):
        if number >= MOST_FILES:
            break
        try:
            id_ = UUID(found[1].decode("utf-16-le")).bytes_le
        except ValueError:
            continue
        told[id_] = found[3].decode("utf-16-le")[: found[2][0]]
    return told


def _ending_of(data: bytes, place: int, endings: dict[bytes, str]) -> str:
    """The ending of the file at a place: the table of files has the place shortly before the id."""
    told = struct.pack("<I", place & 0xFFFFFFFF)
    for id_, ending in endings.items():
        found = data.find(id_)
        while found >= 0:
            if told in data[max(0, found - PLACE_BYTES) : found]:
                return ending
            found = data.find(id_, found + 1)
    return ""
