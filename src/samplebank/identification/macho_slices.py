"""Reads the programs for several processors in one Mach-O file. Runs inside sandbox children only.

LIEF reads only directories with 32-bit offsets. Source: Apple's mach-o/fat.h.
"""

import struct
from pathlib import Path

import lief

from samplebank.identification.marks import FAT, FAT_64

ENTRIES = {FAT: struct.Struct(">iiIII"), FAT_64: struct.Struct(">iiQQII")}
HEADER_BYTES, MOST_SLICES = 8, 16


def parse_slices(
    path: Path, most_bytes: int, config: lief.MachO.ParserConfig | None = None
) -> list[lief.MachO.Binary]:
    """Parse 16 programs at most, and `most_bytes` at most of each program. Leaves out damaged programs."""
    if config is None:
        config = lief.MachO.ParserConfig()
    with path.open("rb") as file:
        head = file.read(HEADER_BYTES + MOST_SLICES * 32)
        places = _places(head) or [(0, path.stat().st_size)]
        found = []
        for offset, size in places:
            file.seek(min(offset, 1 << 62))
            content = file.read(min(size, most_bytes))
            parsed = lief.MachO.parse(content, config) if content else None
            binary = parsed.at(0) if parsed is not None and parsed.size else None
            if binary is not None:
                found.append(binary)
    return found


def _places(head: bytes) -> list[tuple[int, int]]:
    """The place and the size of each slice; empty for a file with a single program."""
    entry = ENTRIES.get(head[:4])
    if entry is None:
        return []
    many = min(int.from_bytes(head[4:8], "big"), MOST_SLICES, (len(head) - HEADER_BYTES) // entry.size)
    return [entry.unpack_from(head, HEADER_BYTES + n * entry.size)[2:4] for n in range(many)]
