"""Members of ZIP files that the standard library and 7-Zip refuse, though other unpackers give their bytes.

Java, 7-Zip with its window and `unzip` take a member whose check sum or size is wrong. Unpackers that read a ZIP file from its
beginning see members that the directory leaves out.
"""

import io
from collections.abc import Iterator, Mapping
from functools import cached_property

from samplebank.identification.zip_directory import (
    CENTRAL,
    LOCAL,
    LOCAL_HEADER,
    Directory,
    Entry,
    Unreadable,
    name_of,
    read_content,
    read_directory,
)
from samplebank.worker.analysers.extract.haul import MOST_CHILD_BYTES, Haul

LEFT_OUT = "the directory of the archive leaves the member out"
#: the check sum and the sizes of a member may stand behind its bytes
BEHIND_MEMBER = 64
#: members of one name that are tried
MOST_TRIED = 5


class Rescue:
    """Takes members of a ZIP file whose bytes can be had without the check sum. The directory is read for the first of these."""

    def __init__(self, data: bytes, haul: Haul) -> None:
        self._data, self._haul = data, haul

    @cached_property
    def _directory(self) -> Directory:
        return read_directory(io.BytesIO(self._data))

    def take(self, path: str, error: Exception, place: int = -1) -> int | None:
        """Take a member by its place or name, and tell the error. Answers the place; None where the member has no bytes."""
        directory = self._directory
        found = [entry for entry in directory.entries if entry.name == path or entry.place == place]
        for entry in sorted(found, key=lambda entry: entry.place != place)[:MOST_TRIED]:
            if not entry.is_encrypted and _has_taken(self._data, directory, entry, self._haul):
                self._haul.damage(path, error)
                return entry.place + directory.shift
        return None


def take_left_out(data: bytes, known: Mapping[int, int], haul: Haul) -> None:
    """Take the members that stand among those of the directory, and that the directory leaves out.

    `known` has the place and the packed size of each member of the directory.
    """
    for entry in _left_out(data, known):
        if entry.name.endswith("/") or not haul.begin(entry.name, entry.size, entry.packed):
            continue
        if entry.is_encrypted:
            haul.lock(entry.name, entry.size)
        elif _has_taken(data, Directory([]), entry, haul):
            haul.problems.append(f"{entry.name[-200:]}: {LEFT_OUT}.")


def _has_taken(data: bytes, directory: Directory, entry: Entry, haul: Haul) -> bool:
    try:
        content = read_content(io.BytesIO(data), directory, entry, MOST_CHILD_BYTES + 1)
    except Unreadable:
        return False
    haul.read(io.BytesIO(content), entry.name, "zip", packed=entry.packed)
    return bool(content)


def _left_out(data: bytes, known: Mapping[int, int]) -> Iterator[Entry]:
    place = 0
    while data.startswith(LOCAL, place) and len(data) - place >= LOCAL_HEADER.size:
        _, _, flags, method, _, _, _, packed, size, name_bytes, more = LOCAL_HEADER.unpack_from(data, place)
        begin = place + LOCAL_HEADER.size + name_bytes
        packed = known.get(place, packed)
        end = begin + more + packed
        if place not in known:
            name = name_of(data[place + LOCAL_HEADER.size : begin], flags)
            end = end if packed else _next_header(data, end)
            yield Entry(name, flags, method, end - begin - more, size, place)
        place = end if data.startswith(LOCAL, end) else data.find(LOCAL, end, end + BEHIND_MEMBER)
        if place < 0:
            return


def _next_header(data: bytes, place: int) -> int:
    """Where the bytes of a member end whose size stands behind them."""
    ends = (data.find(LOCAL, place), data.find(CENTRAL, place))
    return next((end for end in ends if end >= 0), len(data))
