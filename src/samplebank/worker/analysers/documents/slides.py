"""Slides of PowerPoint in compound files: macros and actions. Source: MS-PPT, sections 2.3.1 (records) and 2.10.34 (macros)."""

import struct
import zlib

from samplebank.worker.analysers.documents import vba
from samplebank.worker.analysers.documents.report import Report

RECORD = struct.Struct("<HHI")
CONTAINER, STORAGE, ACTION = 0xF, 0x1011, 0x0FF3
PACKED_INSTANCE = 1
RUN_PROGRAM, MACRO = 2, 1
PLACE_OF_ACTION = 8
MOST_RECORDS, MOST_STORAGE_BYTES = 200_000, 32 * 1024 * 1024
#: the token of the current user of encrypted slides
ENCRYPTED_MARK, PLACE_OF_MARK = b"\xdf\xc4\xd1\xf3", 12


def is_encrypted(current_user: bytes) -> bool:
    return current_user[PLACE_OF_MARK : PLACE_OF_MARK + 4] == ENCRYPTED_MARK


def read(stream: bytes, report: Report) -> None:
    """Go through the records. The content of a container is gone through next."""
    place, left = 0, MOST_RECORDS
    while place + RECORD.size <= len(stream) and left > 0:
        head, kind, size = RECORD.unpack_from(stream, place)
        place, left = place + RECORD.size, left - 1
        if kind == STORAGE:
            _read_storage(stream[place : place + size], is_packed=head >> 4 == PACKED_INSTANCE, report=report)
        elif kind == ACTION and stream[place + PLACE_OF_ACTION : place + PLACE_OF_ACTION + 1] == bytes(
            [RUN_PROGRAM]
        ):
            report.find("starts-by-click", "PowerPoint Document")
        if head & 0xF != CONTAINER:
            place += size


def _read_storage(content: bytes, *, is_packed: bool, report: Report) -> None:
    if is_packed:
        try:
            content = zlib.decompressobj().decompress(content[4:], MOST_STORAGE_BYTES)
        except zlib.error as error:
            report.damage("storage of PowerPoint Document", error)
            return
    report.count(len(content))
    if b"V\0B\0A\0" in content:
        vba.read_project(content, "PowerPoint Document", report)
