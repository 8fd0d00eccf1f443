"""Files in plain bytes behind something else: behind a script that writes a program to a file, a shortcut, a picture, a document."""

import re

from samplebank.worker.analysers.extract.haul import Haul
from samplebank.worker.analysers.extract.kinds import HEAD_BYTES, Kind, kind_of

#: the header of a program of Unix: class, order of bytes, version
ELF = re.compile(rb"\x7fELF[\x01\x02][\x01\x02]\x01[\0-\x12]")
#: the start of a program of Windows with the place of the second header, which is near, and the second header with the machine
WINDOWS, POINTER = re.compile(rb"(?=MZ.{58}(.[\0-\x0f]\0\0))", re.DOTALL), 0x3C
SECOND = re.compile(rb"PE\0\0(?:\x4c\x01|\x64\x86|\x64\xaa|\xc4\x01)[\x01-\x60]\0")
#: what the command line of Windows, and scripts, begin with
START_OF_TEXT = re.compile(rb"(?:\xef\xbb\xbf)?[\t\r\n -~]{24}")
#: what pictures, sounds, videos and fonts begin with that have no other mark
START_OF_MEDIA = re.compile(
    rb"BM|\0\0[\x01\x02]\0|II\*\0|MM\0\*|RIFF.{4}(?:WEBP|WAVE)|ID3|\xff[\xe2-\xfb]|OggS|fLaC|.{4}ftyp|\x1aE\xdf\xa3|"
    rb"\0\x01\0\0\0|OTTO|ttcf|wOF[F2]",
    re.DOTALL,
)
#: the end of a PDF document, which each change of the document writes anew, and how a change begins
END_OF_PDF, MOST_ENDS = re.compile(rb"%%EOF\s{0,100}"), 50
CHANGE_OF_PDF = re.compile(rb"\d{1,10}\s{1,10}\d{1,5}\s{1,10}obj\b|xref\b|startxref\b|%")
#: fewer bytes are no file
SHORTEST = 32
ACTING = frozenset({Kind.PROGRAM, Kind.SCRIPT, Kind.DOCUMENT, Kind.ARCHIVE, Kind.MAIL})


def has_taken_program(data: bytes, haul: Haul, start: int = 1) -> bool:
    """Take the first program that stands at `start` or behind, with all that follows."""
    places = [place for place in (_elf(data, start), find_windows(data, start)) if place > 0]
    if places:
        _take_from(data, min(places), "program", haul)
    return bool(places)


def take_behind_pdf(data: bytes, haul: Haul) -> None:
    """Take what stands behind a PDF document: a file that acts, such as an HTML application, or else a program."""
    acting = ACTING - {Kind.ARCHIVE} if "zip" in haul.opened else ACTING
    ends = [found.end() for _, found in zip(range(MOST_ENDS), END_OF_PDF.finditer(data), strict=False)]
    for end in ends:
        head = data[end : end + HEAD_BYTES]
        if len(head) >= SHORTEST and not CHANGE_OF_PDF.match(head) and kind_of("", head) in acting:
            _take_from(data, end, "file", haul)
            return
    if ends:
        has_taken_program(data, haul, ends[0])


def _take_from(data: bytes, place: int, what: str, haul: Haul) -> None:
    path = f"{what}-at-{place}"
    haul.opened.append("carried")
    if haul.begin(path, len(data) - place):
        haul.take(path, data[place:], "carried")


def find_windows(data: bytes, start: int) -> int:
    """Where a program of Windows begins, at `start` or behind; -1 where none begins."""
    for found in WINDOWS.finditer(data, start):
        pointer = int.from_bytes(found[1], "little")
        if SECOND.match(data, found.start() + pointer):
            return found.start()
    return -1


def is_carrier(data: bytes) -> bool:
    """Whether a file that is no text starts as a script does, or as what is shown or played though more follows."""
    return (START_OF_TEXT.match(data) or START_OF_MEDIA.match(data)) is not None


def _elf(data: bytes, start: int) -> int:
    found = ELF.search(data, start)
    return found.start() if found else -1
