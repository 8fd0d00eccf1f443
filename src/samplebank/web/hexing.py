"""Bytes as text: rows of sixteen in hex and ASCII, with a stretch marked. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from samplebank.web.layout import FilePart, part_at

ROW: Final = 16
HALF: Final = 8
PRINTABLE: Final = range(0x20, 0x7F)


class Stretch(msgspec.Struct, frozen=True):
    """Some characters of a row. `is_found` marks what was looked for."""

    text: str
    is_found: bool


class HexRow(msgspec.Struct, frozen=True):
    """Sixteen bytes. `part` is the part of the file that begins in the row, or that the first row stands in."""

    offset: int
    hex: list[Stretch]
    ascii: list[Stretch]
    part: FilePart | None


def rows_of(data: bytes, start: int, found: range, parts: Sequence[FilePart]) -> list[HexRow]:
    """The rows of `data`, which stand at `start` in the file. The bytes at the offsets `found` are marked."""
    rows, before = [], None
    for place in range(0, len(data), ROW):
        offset, row = start + place, data[place : place + ROW]
        # a part that begins within the row is told at the row
        part = part_at(parts, offset + len(row) - 1)
        rows.append(
            HexRow(
                offset=offset,
                hex=list(_hex(row, offset, found)),
                ascii=list(_ascii(row, offset, found)),
                part=part if part != before else None,
            )
        )
        before = part
    return rows


def _runs(row: bytes, offset: int, found: range) -> Iterator[tuple[int, int, bool]]:
    """The stretches of a row that are marked, and those that are not."""
    first = min(max(found.start - offset, 0), len(row))
    last = min(max(found.stop - offset, first), len(row))
    for start, end, is_found in ((0, first, False), (first, last, True), (last, len(row), False)):
        if start < end:
            yield start, end, is_found


def _hex(row: bytes, offset: int, found: range) -> Iterator[Stretch]:
    for start, end, is_found in _runs(row, offset, found):
        if start:
            yield Stretch("  " if start == HALF else " ", is_found=False)
        text = " ".join(
            f" {byte:02x}" if place == HALF and place > start else f"{byte:02x}"
            for place, byte in enumerate(row[start:end], start)
        )
        yield Stretch(text, is_found)


def _ascii(row: bytes, offset: int, found: range) -> Iterator[Stretch]:
    for start, end, is_found in _runs(row, offset, found):
        yield Stretch("".join(chr(byte) if byte in PRINTABLE else "." for byte in row[start:end]), is_found)
