"""Measures plain bytes: entropy and strings. Of large contents only parts are measured."""

import math
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import BinaryIO

import numpy as np

from samplebank.worker.contract import JSON

MIB = 1024 * 1024
WINDOW_BYTES, MOST_WINDOWS = MIB, 16
BYTE_VALUES = 256
# A block of 128 KiB and more is a new mapping for the allocator. To touch each page of a new mapping for the first time takes longer
# than to look at the bytes of the page. So contents are looked at in pieces, and the blocks for pieces are used again.
PIECE_BYTES, COUNTED_BYTES = 32 * 1024, 8 * 1024
SCHEME_END, ADDRESS = re.compile(rb"://"), re.compile(rb"[\x21-\x7e]{4,200}")
SCHEMES = (b"http", b"https", b"ftp")
FEWEST_CHARACTERS = 6
PRINTABLE = bytes(chr(byte).isascii() and chr(byte).isprintable() for byte in range(BYTE_VALUES))
#: characters that follow an address in a text or script, and are no part of the address
TRAILING = "\"'`)]}>,;."
MOST_URLS, MOST_STRING_BYTES = 20, 16 * MIB
# Bits per byte from which bytes look compressed or encrypted. The maximum is 8.
RANDOM_ENTROPY = 7.2


def entropy(content: bytes | memoryview) -> float:
    """The entropy in bits per byte, to four digits. Of a large content, measures windows at even distances."""
    return _entropy_of_windows(_windows_of_bytes(content))


def file_entropy(file: BinaryIO, size: int) -> float:
    return _entropy_of_windows(_windows_of_file(file, size))


def string_facts(head: bytes) -> dict[str, JSON]:
    """The number and the lengths of the strings of printable letters, and the first addresses."""
    lengths = _string_lengths(head)
    return {
        "count": len(lengths),
        "longest": int(lengths.max(initial=0)),
        "printableShare": round(int(lengths.sum()) / max(len(head), 1), 4),
        "urls": list(dict.fromkeys(islice(_urls(head), MOST_URLS))),
    }


def _string_lengths(head: bytes) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.concatenate([lengths[lengths >= FEWEST_CHARACTERS] for lengths in _all_lengths(head)])


def _all_lengths(head: bytes) -> "Iterator[np.ndarray[tuple[int], np.dtype[np.int64]]]":
    begun = np.empty(0, np.int64)  # where the string begins that goes on in the next piece
    for edges in _edges(head):
        known = np.concatenate([begun, edges])
        ended = len(known) // 2 * 2
        yield known[1:ended:2] - known[:ended:2]
        begun = known[ended:]
    yield len(head) - begun


def _edges(head: bytes) -> "Iterator[np.ndarray[tuple[int], np.dtype[np.int64]]]":
    """The places where strings begin and end, piece by piece. The end of the content ends a string, and is no such place."""
    before = b"\0"
    for start in range(0, len(head), PIECE_BYTES):
        marks = before + head[start : start + PIECE_BYTES].translate(PRINTABLE)
        bits = np.frombuffer(marks, np.uint8)
        yield np.flatnonzero(bits[1:] != bits[:-1]) + start
        before = marks[-1:]


def _urls(head: bytes) -> Iterator[str]:
    """Each address once."""
    seen = set()
    for end in SCHEME_END.finditer(head):
        scheme = next((one for one in SCHEMES if head.endswith(one, 0, end.start())), None)
        rest = ADDRESS.match(head, end.end()) if scheme else None
        if scheme and rest and rest[0] not in seen:
            seen.add(rest[0])
            yield f"{scheme.decode()}://{rest[0].decode()}".rstrip(TRAILING)


def _windows_of_bytes(content: bytes | memoryview) -> Iterator[memoryview]:
    for start in _window_starts(len(content)):
        yield memoryview(content)[start : start + WINDOW_BYTES]


def _windows_of_file(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The windows, each in pieces."""
    for start in _window_starts(size):
        file.seek(start)
        for _ in range(0, WINDOW_BYTES, PIECE_BYTES):
            yield file.read(PIECE_BYTES)


def _window_starts(size: int) -> range:
    step = max(WINDOW_BYTES, math.ceil(size / MOST_WINDOWS))
    return range(0, size, step)


def _entropy_of_windows(windows: Iterable[bytes | memoryview]) -> float:
    counts = np.zeros(BYTE_VALUES, np.int64)
    for window in windows:
        counts += _counts(window)
    present = counts[counts > 0]
    if not len(present):
        return 0.0
    shares = present / present.sum()
    return round(float(-(shares * np.log2(shares)).sum()) + 0.0, 4)


def _counts(content: bytes | memoryview) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """How often each byte occurs. `numpy.bincount` makes eight bytes of each byte, and so is given small pieces."""
    counts = np.zeros(BYTE_VALUES, np.int64)
    numbers = np.frombuffer(content, np.uint8)
    for start in range(0, len(numbers), COUNTED_BYTES):
        counts += np.bincount(numbers[start : start + COUNTED_BYTES], minlength=BYTE_VALUES)
    return counts


class Budget:
    """The bytes of parts that are looked at as a whole. Parts of a hostile file may all be the whole file."""

    def __init__(self, size: int) -> None:
        self._left = 2 * size + MIB

    def takes(self, size: int) -> bool:
        """Whether a part of this size may still be looked at."""
        self._left -= size
        return self._left >= 0
