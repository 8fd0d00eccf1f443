"""Facts of programs of Apple's systems. Of a file for several architectures, only the imports are told."""

import struct
from collections.abc import Iterator
from typing import Final

from samplebank.worker.analysers.static.facts.bytes import Told, imports_of
from samplebank.worker.contract import Fact

#: the bytes of the header by the first bytes of the file
HEADERS: Final = {b"\xcf\xfa\xed\xfe": 32, b"\xce\xfa\xed\xfe": 28}
UUID_COMMAND, UUID_BYTES = 0x1B, 16
MOST_COMMANDS, LEAST_BYTES = 1000, 8


def program(told: Told) -> Iterator[Fact]:
    yield from imports_of(told, "macho")
    yield from told.parts.some("commands", lambda: list(_uuid(told)))


def _uuid(told: Told) -> Iterator[Fact]:
    place = HEADERS.get(told.data[:4])
    if place is None:
        return
    (number,) = struct.unpack_from("<I", told.data, 16)
    for _ in range(min(number, MOST_COMMANDS)):
        command, size = struct.unpack_from("<II", told.data, place)
        if command == UUID_COMMAND:
            yield Fact("macho-uuid", told.data[place + 8 : place + 8 + UUID_BYTES].hex())
            return
        place += max(size, LEAST_BYTES)
