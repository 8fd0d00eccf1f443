"""The parts of a file and rows of bytes, drawn from whatever analyses and files hold."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from samplebank.web.hexing import rows_of
from samplebank.web.layout import MOST, FilePart, part_at, parts_of, strip

NUMBERS = st.integers(-1, 2**64) | st.floats() | st.booleans() | st.none() | st.text()
PARTS = st.fixed_dictionaries(
    {}, optional={"name": st.text() | st.integers(), "offset": NUMBERS, "size": NUMBERS, "entropy": NUMBERS}
)
FOUND = st.recursive(st.none() | st.text() | PARTS, st.lists, max_leaves=20)
TEXT = FilePart(".text", 16, 32, 6.5)


@given(FOUND, st.integers(1, 2**40))
def test_every_part_lies_within_the_file(found: Any, size: int) -> None:
    assert all(0 <= part.offset < part.end <= size for part in parts_of(found, size))


@given(FOUND, st.integers(1, 2**40), st.integers(0, 2**40))
def test_any_parts_can_be_drawn(found: Any, size: int, here: int) -> None:
    assert len(strip(parts_of(found, size), size, here, "?at=")) < 100_000


def test_parts_are_drawn_up_to_a_bound() -> None:
    parts = parts_of([{"name": "s", "offset": 1, "size": 1, "entropy": 1}] * 1000, 10)

    assert strip(parts, 10, 0, "?at=").count("<rect") == MOST


def test_the_innermost_part_is_told() -> None:
    inner = FilePart("inner", 20, 4, None)

    assert part_at([TEXT, inner], 21) == inner
    assert part_at([TEXT, inner], 24) == TEXT
    assert part_at([TEXT, inner], 48) is None


def test_an_overlay_at_no_known_place_is_left_out() -> None:
    assert parts_of([{"offset": 0, "size": 5}, {"offset": 8, "size": 5}], 100) == [
        FilePart("overlay", 8, 5, None)
    ]


@given(st.binary(max_size=100), st.integers(0, 2**40), st.integers(0, 120), st.integers(0, 40))
def test_rows_tell_every_byte_and_mark_what_was_found(data: bytes, row: int, first: int, length: int) -> None:
    start = row * 16
    found = range(start + first, start + first + length)

    rows = rows_of(data, start, found, [])

    assert bytes.fromhex("".join(one.text for row in rows for one in row.hex)) == data
    assert len("".join(one.text for row in rows for one in row.ascii)) == len(data)
    marked = bytes.fromhex("".join(one.text for row in rows for one in row.hex if one.is_found))
    assert marked == data[first : first + length]


def test_a_row_has_a_gap_in_the_middle_wherever_the_mark_stands() -> None:
    for first in range(17):
        (row,) = rows_of(bytes(16), 0, range(first, first + 3), [])

        assert "".join(one.text for one in row.hex) == " ".join(["00"] * 8) + "  " + " ".join(["00"] * 8)


def test_a_part_is_told_where_the_part_begins() -> None:
    told = [row.part and row.part.name for row in rows_of(bytes(64), 0, range(0), [TEXT])]

    assert told == [None, ".text", None, None]
