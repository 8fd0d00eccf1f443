"""The strings of a sample with their offsets, in windows: runs of printable ASCII, as bytes or as UTF-16LE.

A string belongs to the window in which the string begins, however far the string goes on. So windows side by side tell
each string once.
"""

import asyncio
import heapq
import re
from collections.abc import Iterator
from enum import StrEnum
from itertools import islice

import msgspec

from samplebank.blobs import Blobs
from samplebank.contents.windows import read_window
from samplebank.samples.model import Sample

#: the most bytes of a window, and the bytes of a window that nobody chose
WINDOW, USUAL = 1024 * 1024, 256 * 1024
#: the fewest characters of a string that is told
LEAST = 6
#: the most characters told of a string, and the most strings of an answer
LONGEST, MOST = 500, 1000
#: bytes before a window that tell whether a string began earlier
BEFORE = 2
#: bytes behind a window that tell how a string goes on that begins with the last byte
BEHIND = 2 * (LONGEST + 1)
PRINTABLE = frozenset(b"\t" + bytes(range(0x20, 0x7F)))
#: each byte as its kind: the search for a run is then a search for fixed bytes, which is linear and takes 1 ms a MiB
KINDS = bytes(ord("p") if byte in PRINTABLE else ord("0") if byte == 0 else ord(".") for byte in range(256))


class Kind(StrEnum):
    ASCII = "ascii"
    WIDE = "wide"


#: the bytes of a character by kind, and the end of a run
UNITS = {Kind.ASCII: b"p", Kind.WIDE: b"p0"}
RUNS = {kind: re.compile(b"(?:%b)*+" % unit) for kind, unit in UNITS.items()}


class FoundString(msgspec.Struct, frozen=True):
    """A string at its offset. `is_cut` tells that the string goes on behind `text`."""

    offset: int
    kind: Kind
    text: str
    is_cut: bool


class Strings(msgspec.Struct, frozen=True):
    """The strings of a window, in the order of their offsets. `next` is where to go on, None at the end of the sample."""

    found: list[FoundString]
    next: int | None


async def strings_window(
    store: Blobs, sample: Sample, at: int, *, window: int = USUAL, least: int = LEAST, like: str = ""
) -> Strings:
    """Find the strings that begin within `window` bytes from `at` on, of at least `least` characters.

    With `like`, only the strings whose told part has the text, in capitals or not. A window with more than `MOST` strings
    ends behind the last of them. Raises as `page_of_bytes`.
    """
    window, first = min(window, WINDOW), max(0, at - BEFORE)
    data = await read_window(store, sample, first, at - first + window + BEHIND)
    # in a thread, as other requests should not wait
    found = await asyncio.to_thread(_strings_in, data, (at - first, at - first + window), least, like)
    told = [msgspec.structs.replace(one, offset=first + one.offset) for one in found[:MOST]]
    behind = at + window if len(found) <= MOST else told[-1].offset + 1
    return Strings(told, behind if behind < sample.size else None)


def _strings_in(data: bytes, span: tuple[int, int], least: int, like: str) -> list[FoundString]:
    """The strings of `data` that begin in the span; one more than `MOST` tells that there are more."""
    kinds, wanted = data.translate(KINDS), like.lower()
    every = heapq.merge(
        *(_runs(data, kinds, kind, span, least) for kind in Kind), key=lambda found: found.offset
    )
    return list(islice((found for found in every if wanted in found.text.lower()), MOST + 1))


def _runs(data: bytes, kinds: bytes, kind: Kind, span: tuple[int, int], least: int) -> Iterator[FoundString]:
    unit, (first, last) = UNITS[kind], span
    needle, width, end = unit * least, len(unit), 0
    while 0 <= (start := kinds.find(needle, end)) < last:
        run = RUNS[kind].match(kinds, start)
        end = run.end() if run else start + len(needle)
        if start >= first:
            text = data[start : min(end, start + width * LONGEST) : width].decode("ascii")
            yield FoundString(start, kind, text, end - start > width * LONGEST)
