"""Programs of Windows in plain bytes inside of another one: among its resources, in another section, or behind its end."""

import struct
from typing import NamedTuple

from samplebank.worker.analysers.extract.carried import POINTER, find_windows
from samplebank.worker.analysers.extract.haul import Haul

MOST_PROGRAMS = 20
#: the second header: the places of the number of sections and of the size of the options, and the bytes before the options
SECTIONS, OPTIONS_SIZE, BEFORE_OPTIONS = 6, 20, 24
#: among the options: the mark of 64 bits, and the place of the signature without and with this mark
WIDE, SIGNATURE = b"\x0b\x02", {False: 128, True: 144}
#: a section: address, size in the file, place in the file
SECTION = struct.Struct("<12xIII16x")


class Section(NamedTuple):
    address: int
    size: int
    place: int


def take_programs(data: bytes, haul: Haul, *, behind: bool) -> None:
    """Take the programs inside, and the one behind the end with all that follows: its own files may follow.

    `behind`: whether nothing else has opened what stands behind the end.
    """
    sections, end_of_carrier = _sections(data, 0), _end_of(data, 0)
    data = data if behind else data[:end_of_carrier]
    place = find_windows(data, 1)
    for _ in range(MOST_PROGRAMS):
        if place < 0:
            return
        is_behind = place >= end_of_carrier
        end = len(data) if is_behind else place + _size_inside(data, place, sections)
        path = f"program-at-{place}"
        if end > place and haul.begin(path, end - place):
            haul.opened += [] if "carried" in haul.opened else ["carried"]
            haul.take(path, data[place:end], "carried")
        place = find_windows(data, max(end, place + 1))


def _size_inside(data: bytes, place: int, sections: list[Section]) -> int:
    """The bytes of a program in a section: a resource has its size in the table of the resources, and other programs end with their sections."""
    least = _end_of(data, place)
    around = next((one for one in sections if one.place <= place < one.place + one.size), None)
    if around is None:
        return least
    end = around.place + around.size
    entry = data.find(struct.pack("<I", place - around.place + around.address), around.place, end)
    told = int.from_bytes(data[entry + 4 : entry + 8], "little") if entry >= 0 else 0
    return told if least <= told <= end - place else min(least, len(data) - place)


def _end_of(data: bytes, place: int) -> int:
    """The bytes of the program at a place, with its signature; 0 where the headers make no sense."""
    end = max((one.place + one.size for one in _sections(data, place) if one.size), default=0)
    options = _header(data, place) + BEFORE_OPTIONS
    entry = options + SIGNATURE[data.startswith(WIDE, options)]
    signed, size = (int.from_bytes(data[at : at + 4], "little") for at in (entry, entry + 4))
    return signed + size if end <= signed <= end + 8 else end


def _sections(data: bytes, place: int) -> list[Section]:
    header = _header(data, place)
    count, options = (
        int.from_bytes(data[header + at : header + at + 2], "little") for at in (SECTIONS, OPTIONS_SIZE)
    )
    start = header + BEFORE_OPTIONS + options
    table = data[start : start + count * SECTION.size]
    return [Section(*one) for one in SECTION.iter_unpack(table[: len(table) // SECTION.size * SECTION.size])]


def _header(data: bytes, place: int) -> int:
    return place + int.from_bytes(data[place + POINTER : place + POINTER + 4], "little")
