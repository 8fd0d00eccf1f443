"""Programs in plain bytes behind something else: a script that writes the program to a file, a shortcut, a picture."""

import re

from samplebank.worker.analysers.extract.haul import Haul

#: the header of a program of Unix: class, order of bytes, version
ELF = re.compile(rb"\x7fELF[\x01\x02][\x01\x02]\x01[\0-\x12]")
#: the start of a program of Windows, where the place of the second header stands, and the second header with the machine
WINDOWS, POINTER, FARTHEST = b"MZ", 0x3C, 4096
SECOND = re.compile(rb"PE\0\0(?:\x4c\x01|\x64\x86|\x64\xaa|\xc4\x01)[\x01-\x60]\0")
#: what the command line of Windows, and scripts, begin with
START_OF_TEXT = re.compile(rb"(?:\xef\xbb\xbf)?[\t\r\n -~]{24}")


def has_taken_program(data: bytes, haul: Haul) -> bool:
    """Take the first program that stands behind the start of the file, with all that follows."""
    places = [place for place in (_elf(data), _windows(data)) if place > 0]
    if not places:
        return False
    place = min(places)
    path = f"program-at-{place}"
    haul.opened.append("carried")
    if haul.begin(path, len(data) - place):
        haul.take(path, data[place:], "carried")
    return True


def starts_as_text(data: bytes) -> bool:
    """Whether a file that is no text starts as a script does."""
    return START_OF_TEXT.match(data) is not None


def _elf(data: bytes) -> int:
    found = ELF.search(data, 1)
    return found.start() if found else -1


def _windows(data: bytes) -> int:
    place = data.find(WINDOWS, 1)
    while place >= 0:
        pointer = int.from_bytes(data[place + POINTER : place + POINTER + 4], "little")
        if pointer <= FARTHEST and SECOND.match(data, place + pointer):
            return place
        place = data.find(WINDOWS, place + 1)
    return -1
