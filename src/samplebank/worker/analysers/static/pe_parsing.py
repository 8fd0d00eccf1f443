"""Reads a Windows program with LIEF, within bounds.

LIEF's work on imports has no bound: descriptors times functions, gigabytes in the worst case. So imports are counted first.
"""

import mmap
import struct
from pathlib import Path

import lief

from samplebank.identification.executables import parse_pe_headers
from samplebank.worker.analysers.static.parts import Parts

DESCRIPTOR = struct.Struct("<5I")
MOST_DESCRIPTORS, MOST_THUNKS = 2000, 100_000
BLOCK_BYTES = 64 * 1024


def parse(path: Path, parts: Parts) -> lief.PE.Binary | None:
    """Parse a program. Where the imports are too many to be real, the imports are left out and told as a damaged part."""
    light = parse_pe_headers(str(path))
    if light is None:
        return None
    if has_bounded_imports(path, light):
        return lief.PE.parse(str(path))
    parts.damaged.append("imports")
    config = lief.PE.ParserConfig()
    config.parse_imports = False
    return lief.PE.parse(str(path), config)


def has_bounded_imports(path: Path, light: lief.PE.Binary) -> bool:
    """Whether all libraries together name no more functions than a program can use."""
    directory = light.data_directory(lief.PE.DataDirectory.TYPES.IMPORT_TABLE)
    if directory is None or not directory.rva:
        return True
    width = 8 if light.optional_header.magic == lief.PE.PE_TYPE.PE32_PLUS else 4
    left = MOST_THUNKS
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        place = light.rva_to_offset(directory.rva)
        for _ in range(MOST_DESCRIPTORS):
            block = content[place : place + DESCRIPTOR.size]
            if len(block) < DESCRIPTOR.size or not any(block):
                return True
            names, _, _, _, addresses = DESCRIPTOR.unpack(block)
            for table in (names, addresses):
                left -= _thunks(content, light.rva_to_offset(table), width, left) if table else 0
            if left <= 0:
                return False
            place += DESCRIPTOR.size
    return False


def _thunks(content: mmap.mmap, place: int, width: int, most: int) -> int:
    """Count the entries of a table before the zero entry or the end of the file, `most` at most."""
    end = min(place + most * width, len(content))
    for start in range(place, end, BLOCK_BYTES):
        block = content[start : min(start + BLOCK_BYTES, end)]
        for at in range(0, len(block), width):
            if not any(block[at : at + width]):
                return (start - place + at) // width
    return max(0, end - place) // width
