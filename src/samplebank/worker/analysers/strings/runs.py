"""Finds the text in bytes: runs of printable ASCII, as bytes or as UTF-16LE, with their offsets.

The work on each byte is numpy's. Python only sees the runs.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

import msgspec
import numpy as np

from samplebank.identification.texts import WIDE_MARKS, without_false_mark

Array: TypeAlias = Any  # numpy's arrays of integers

#: the fewest characters of a run
LEAST = 6
#: bytes that are read at once
WINDOW = 4 * 1024 * 1024
#: bytes before the end of a window in which a gap between runs is looked for
NEAR_END = 64 * 1024
#: NUL bytes that end a run of each kind
GAP = b"\0\0\0"
ASCII, WIDE = "ascii", "wide"
NEWLINE = ord("\n")
PRINTABLE = np.zeros(256, dtype=bool)
PRINTABLE[[9, *range(0x20, 0x7F)]] = True
#: a text begins so many times with bytes of texts
FEWEST_OF_TEXT, LOOKED_AT = 0.95, 64 * 1024
CONTROLS = bytes(set(range(0x20)) - set(b"\t\n\r\f\b\x1b")) + b"\x7f"


class Runs(msgspec.Struct, frozen=True):
    """Runs of one kind. `text` holds the runs, each with a line feed behind.

    `starts` are the places of the runs in `text`, `offsets` the places in the file, `width` the bytes of a character.
    """

    kind: str
    text: bytes
    starts: Array
    offsets: Array
    width: int

    def place(self, position: int) -> int:
        """The offset in the file of a position in `text`."""
        run = int(np.searchsorted(self.starts, position, side="right")) - 1
        return int(self.offsets[run]) + (position - int(self.starts[run])) * self.width

    def __len__(self) -> int:
        return len(self.starts)


def whole_text(content: bytes) -> Runs | None:
    """A file that is a text, as one run. None for a file that is no text."""
    size = len(content)
    content = without_false_mark(content)
    if content.startswith(WIDE_MARKS):
        text = content.decode("utf-16", errors="replace").encode("utf-8", errors="replace")
        return _one_run(text, offset=2, width=2) if is_text(text) else None
    if wide := narrowed(content):
        return _one_run(wide, offset=0, width=2)
    return _one_run(content, offset=size - len(content), width=1) if is_text(content) else None


def windows(content: bytes) -> Iterator[Runs]:
    """The runs of a file that is no text, a window at a time. A window ends in a gap between runs, where there is a gap."""
    start = 0
    while start < len(content):
        end = min(start + WINDOW, len(content))
        if end < len(content):
            gap = content.rfind(GAP, max(start, end - NEAR_END), end)
            end = gap + len(GAP) if gap >= 0 else end
        view = np.frombuffer(content, dtype=np.uint8, count=end - start, offset=start)
        printable, zero = PRINTABLE[view], view == 0
        yield _runs(ASCII, view, printable, start, 1)
        for parity in (0, 1):
            zeros = zero[parity + 1 :: 2]
            characters = slice(parity, parity + 2 * len(zeros), 2)
            yield _runs(WIDE, view[characters], printable[characters] & zeros, start + parity, 2)
        start = end


def is_text(content: bytes) -> bool:
    """Whether the beginning is a text: few controls, no NUL, and UTF-8 or mostly ASCII."""
    start = content[:LOOKED_AT]
    return (
        bool(start)
        and len(start.translate(None, CONTROLS)) >= FEWEST_OF_TEXT * len(start)
        and (b"\0" not in start and _is_encoded(start))
    )


def narrowed(content: bytes) -> bytes | None:
    """A text in UTF-16LE without a mark as UTF-8. None for any other content."""
    start = content[:LOOKED_AT]
    if len(start) < 2 * LEAST or start[1] or start.count(b"\0") < len(start) * 0.45:
        return None
    if start[1::2].count(0) < FEWEST_OF_TEXT * (len(start) // 2):
        return None
    text = (
        content[: len(content) & ~1].decode("utf-16-le", errors="replace").encode("utf-8", errors="replace")
    )
    return text if is_text(text) else None


def _is_encoded(start: bytes) -> bool:
    """Whether the bytes are UTF-8, or have few bytes beyond ASCII."""
    try:
        start[:-4].decode()
    except UnicodeDecodeError:
        beyond = len(start.translate(None, bytes(range(128))))
        return beyond <= (1 - FEWEST_OF_TEXT) * len(start)
    return True


def _one_run(text: bytes, offset: int, width: int) -> Runs:
    return Runs(ASCII if width == 1 else WIDE, text, np.array([0]), np.array([offset]), width)


def _runs(kind: str, characters: Array, mask: Array, base: int, width: int) -> Runs:
    padded = np.zeros(len(mask) + 2, dtype=bool)
    padded[1:-1] = mask
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    starts, ends = edges[::2], edges[1::2]
    is_long = ends - starts >= LEAST
    starts, ends = starts[is_long], ends[is_long]
    lengths = ends - starts + 1  # with the line feed
    behind = np.cumsum(lengths)
    places = behind - lengths
    total = int(behind[-1]) if len(behind) else 0
    index = np.arange(total) + np.repeat(starts - places, lengths)
    text = (
        characters[np.minimum(index, max(len(characters) - 1, 0))] if total else np.zeros(0, dtype=np.uint8)
    )
    text[behind - 1] = NEWLINE
    return Runs(kind, text.tobytes(), places, base + starts * width, width)
