"""Plain bytes are measured piece by piece, and the measures are those of the whole."""

import io
import re
from typing import Any

import pytest

from samplebank.worker.analysers.static.measures import (
    PIECE_BYTES,
    WINDOW_BYTES,
    entropy,
    file_entropy,
    string_facts,
)
from samplebank.worker.analysers.static.schema import SCHEMA


@pytest.mark.parametrize("before", range(PIECE_BYTES - 9, PIECE_BYTES + 2))
def test_a_string_across_two_pieces_is_one_string(before: int) -> None:
    content = bytes(before) + b"a string" + bytes(before)

    facts = string_facts(content)

    assert (facts["count"], facts["longest"]) == (1, 8)
    assert facts["printableShare"] == round(8 / len(content), 4)


def test_every_fact_of_strings_has_a_title_for_pages() -> None:
    schema: Any = SCHEMA["properties"]

    told = schema["strings"]["properties"]

    assert {name for name, about in told.items() if about["title"]} == set(string_facts(b"some text"))


@pytest.mark.parametrize("size", [6, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])
def test_a_string_may_be_the_whole_content(size: int) -> None:
    facts = string_facts(b"x" * size)

    assert (facts["count"], facts["longest"], facts["printableShare"]) == (1, size, 1.0)


def test_strings_are_those_that_a_pattern_finds() -> None:
    content = b"".join(b"%d\0" % (7**number) for number in range(400)) + b"the end"

    facts = string_facts(content)

    found = re.findall(rb"[ -~]{6,}", content)
    assert (facts["count"], facts["longest"]) == (len(found), max(map(len, found)))


@pytest.mark.parametrize("size", [1, PIECE_BYTES + 1, WINDOW_BYTES - 1, 2 * WINDOW_BYTES + 3])
def test_half_zeros_and_half_ones_have_one_bit_a_byte(size: int) -> None:
    content = bytes(size) + b"\1" * size

    measured = (
        entropy(content),
        entropy(memoryview(content)),
        file_entropy(io.BytesIO(content), len(content)),
    )

    assert measured == (1.0, 1.0, 1.0)
