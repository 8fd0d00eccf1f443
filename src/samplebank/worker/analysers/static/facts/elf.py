"""Facts of programs of Linux and its relatives."""

import struct
from collections.abc import Iterator
from typing import Final

from samplebank.worker.analysers.static.facts.bytes import NOTE, Told, code_of, imports_of
from samplebank.worker.contract import Fact

MOST_NOTE: Final = 1024
#: the sections of notes, with name and type of the note
GNU: Final = (".note.gnu.build-id", b"GNU\0", 3)
GO: Final = (".note.go.buildid", b"Go\0\0", 4)


def program(told: Told) -> Iterator[Fact]:
    yield from code_of(told, "elf")
    yield from imports_of(told, "elf")
    order = "<" if told.data[5:6] == b"\x01" else ">"
    if build := _note(told, *GNU, order=order):
        yield Fact("build-id", build.hex())
    if build := _note(told, *GO, order=order):
        yield Fact("go-build-id", build.rstrip(b"\0").decode("ascii"))


def _note(told: Told, section: str, name: bytes, kind: int, *, order: str) -> bytes:
    """What the note of a section says; empty where there is no note of the name and type."""
    for one in told.sections("elf"):
        if one["name"] == section:
            note = told.data[one["offset"] : one["offset"] + MOST_NOTE]
            name_bytes, size, found = struct.unpack_from(f"{order}III", note)
            begin = NOTE + len(name)
            if (name_bytes, found) == (len(name), kind) and note[NOTE:begin] == name:
                return note[begin : begin + size]
    return b""
