"""Bytes, strings and patterns at an offset of a sample of any size."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contents.stores import SIZE, CountedStore, kept, kept_huge
from samplebank.blobs import Area
from samplebank.contents import find, page_of_bytes, read_pattern, strings, strings_window
from samplebank.errors import Damaged, NotFound
from samplebank.samples.model import Sample

KIB = 1024
MIB = 1024 * KIB
#: parts of strings of both kinds, and bytes that end strings
PARTS = [b"a", b"bcd", b"a\x00", b"b\x00c\x00d\x00", b"\x00", b"\x00\x00", b"\xff"]


@pytest.fixture
def store(tmp_path: Path) -> CountedStore:
    return CountedStore(tmp_path)


async def told(
    store: CountedStore, sample: Sample, window: int, least: int = 6
) -> list[tuple[int, str, str]]:
    """(offset, kind, text) of all strings of the sample, window by window."""
    found: list[tuple[int, str, str]] = []
    at: int | None = 0
    while at is not None:
        answer = await strings_window(store, sample, at, window=window, least=least)
        found += [(one.offset, one.kind, one.text) for one in answer.found]
        assert answer.next is None or answer.next > at
        at = answer.next
    return found


def in_plain_words(data: bytes, least: int) -> list[tuple[int, str, str]]:
    """All strings of the bytes, as the definition says."""
    narrow = [
        (run.start(), "ascii", run[0].decode())
        for run in re.finditer(rb"[\t\x20-\x7e]+", data)
        if len(run[0]) >= least
    ]
    wide = [
        (run.start(), "wide", run[0].decode("utf-16-le"))
        for run in re.finditer(rb"(?:[\t\x20-\x7e]\x00)+", data)
        if len(run[0]) >= 2 * least
    ]
    return sorted(narrow + wide)


# -- bytes


async def test_a_page_has_the_bytes_from_its_offset_on(store: CountedStore) -> None:
    sample = kept(store, bytes(range(256)) * 40)

    assert await page_of_bytes(store, sample, 300, 5) == bytes([44, 45, 46, 47, 48])


async def test_a_page_ends_with_the_sample(store: CountedStore) -> None:
    sample = kept(store, b"0123456789")

    pages = [await page_of_bytes(store, sample, at) for at in (8, 10, 2**62)]

    assert pages == [b"89", b"", b""]


async def test_a_page_is_never_larger_than_a_page(store: CountedStore) -> None:
    sample = kept(store, bytes(10_000))

    assert len(await page_of_bytes(store, sample, 1, 9_999)) == 4096


async def test_a_page_of_two_gigabytes_reads_a_page(store: CountedStore) -> None:
    sample = kept_huge(store, {SIZE - 4096: b"MZ"})

    page = await page_of_bytes(store, sample, SIZE - 4096)

    assert page[:2] == b"MZ"
    assert store.bytes_read == 4096


async def test_a_file_that_the_disk_has_cut_is_damaged_and_not_at_its_end(store: CountedStore) -> None:
    sample = kept(store, bytes(1000))
    store.path(Area.SAMPLE, sample.sha256).write_bytes(bytes(500))

    with pytest.raises(Damaged):
        await page_of_bytes(store, sample, 400, 200)


async def test_lost_bytes_are_not_there(store: CountedStore) -> None:
    with pytest.raises(NotFound):
        await page_of_bytes(store, Sample(1, bytes(32), 10, 0, None), 0)


# -- strings


async def test_strings_have_their_offset_and_kind(store: CountedStore) -> None:
    sample = kept(
        store, b"\x00\x01GetProcAddress\x00\x00" + "kernel32".encode("utf-16-le") + b"\xff\xffshort"
    )

    found = (await strings_window(store, sample, 0)).found

    assert [(one.offset, one.kind, one.text) for one in found] == [
        (2, "ascii", "GetProcAddress"),
        (18, "wide", "kernel32"),
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(
    parts=st.lists(st.sampled_from(PARTS), max_size=25), window=st.integers(1, 20), least=st.integers(3, 5)
)
async def test_windows_of_any_size_tell_every_string_once(
    store: CountedStore, parts: list[bytes], window: int, least: int
) -> None:
    data = b"".join(parts)
    sample = kept(store, data)

    assert await told(store, sample, window, least) == in_plain_words(data, least)


async def test_a_string_over_the_end_of_a_window_is_told_whole_and_once(store: CountedStore) -> None:
    sample = kept(store, b"\x00" * 95 + b"over the end" + b"\x00" * 50)

    assert await told(store, sample, 100) == [(95, "ascii", "over the end")]


async def test_a_long_string_is_cut_and_says_so(store: CountedStore) -> None:
    sample = kept(store, b"a" * strings.LONGEST + b"\x00" + b"b" * (strings.LONGEST + 1))

    found = (await strings_window(store, sample, 0)).found

    assert [(one.text[0], len(one.text), one.is_cut) for one in found] == [
        ("a", 500, False),
        ("b", 500, True),
    ]


async def test_a_window_with_very_many_strings_ends_behind_the_last_that_it_tells(
    store: CountedStore,
) -> None:
    sample = kept(store, b"string\x00" * 2500)

    first = await strings_window(store, sample, 0)

    assert (len(first.found), first.next) == (1000, 999 * 7 + 1)
    assert len(await told(store, sample, MIB)) == 2500


async def test_strings_are_narrowed_by_a_text_in_any_case(store: CountedStore) -> None:
    sample = kept(store, b"HTTP://one\x00nothing\x00\x00" + "see http".encode("utf-16-le"))

    found = (await strings_window(store, sample, 0, like="Http")).found

    assert [one.text for one in found] == ["HTTP://one", "see http"]


async def test_the_last_window_says_that_the_sample_ends(store: CountedStore) -> None:
    sample = kept(store, b"string")

    answers = [await strings_window(store, sample, at, window=3) for at in (0, 3, 6, 2**62)]

    assert [one.next for one in answers] == [3, None, None, None]


async def test_strings_of_two_gigabytes_read_the_window_and_what_is_beside_it(store: CountedStore) -> None:
    at = SIZE - 3 * MIB
    sample = kept_huge(store, {at + MIB - 3: b"over the end", SIZE - 6: b"at end"})

    found = (await strings_window(store, sample, at, window=MIB)).found

    assert [(one.offset, one.text) for one in found] == [(at + MIB - 3, "over the end")]
    assert store.bytes_read == strings.BEFORE + MIB + strings.BEHIND


async def test_a_window_is_never_larger_than_a_window(store: CountedStore) -> None:
    sample = kept_huge(store, {})

    await strings_window(store, sample, 0, window=SIZE)

    assert store.bytes_read == MIB + strings.BEHIND


# -- patterns


@pytest.mark.parametrize(
    ("asked", "offset", "form"),
    [
        ("4d 5a 90", 100, "bytes"),
        ("4D5A90", 100, "bytes"),
        ("MZ", 100, "text"),
        ("wide", 300, "wide"),
        ("é", 400, "text"),
        ('"cafe"', 500, "text"),
        ("cafe", 600, "bytes"),
        ("4d5", None, None),
        ("absent", None, None),
    ],
)
async def test_a_pattern_is_found_as_bytes_or_as_text_of_either_width(
    store: CountedStore, asked: str, offset: int | None, form: str | None
) -> None:
    data = bytearray(1000)
    for place, part in {
        100: b"MZ\x90", 300: "wide".encode("utf-16-le"), 400: "é".encode(), 500: b"cafe", 600: b"\xca\xfe",
    }.items():  # fmt: skip
        data[place : place + len(part)] = part
    sample = kept(store, bytes(data))

    found = await find(store, sample, read_pattern(asked), 0)

    assert (found.offset, found.form) == (offset, form)


@pytest.mark.parametrize(
    ("asked", "is_nearly"),
    [("4d5", True), ("4d 5 a9", True), ("a", True), ("4d 5a", False), ('"4d5"', False), ("4d5!", False), (" ", False)],
)  # fmt: skip
def test_a_text_that_may_be_meant_as_bytes_is_told_from_others(asked: str, is_nearly: bool) -> None:  # noqa: FBT001 a table
    assert read_pattern(asked).is_nearly_hex is is_nearly


async def test_the_search_goes_on_behind_a_place(store: CountedStore) -> None:
    sample = kept(store, b"MZ..MZ..MZ")
    places, at = [], 0

    while (found := await find(store, sample, read_pattern('"MZ"'), at)).offset is not None:
        places.append(found.offset)
        at = found.next or sample.size

    assert places == [0, 4, 8]


async def test_a_pattern_over_the_end_of_a_window_is_found(store: CountedStore) -> None:
    sample = kept_huge(store, {MIB - 2: b"needle"})

    found = await find(store, sample, read_pattern("needle"), 0)

    assert (found.offset, found.length, found.next) == (MIB - 2, 6, MIB - 1)


async def test_of_two_forms_the_first_place_counts_at_the_end_of_a_window_too(store: CountedStore) -> None:
    sample = kept_huge(store, {MIB: "needle".encode("utf-16-le"), MIB + 12: b"needle"})

    found = await find(store, sample, read_pattern("needle"), 0)

    assert (found.offset, found.form) == (MIB, "wide")


async def test_a_search_whose_time_is_over_says_how_far_it_came(store: CountedStore) -> None:
    sample = kept_huge(store, {SIZE - 6: b"needle"})

    found = await find(store, sample, read_pattern("needle"), 5, seconds=0)

    assert (found.offset, found.next) == (None, MIB + 5)
    assert store.bytes_read == MIB + 11


async def test_a_search_to_the_end_says_that_there_is_no_more(store: CountedStore) -> None:
    sample = kept_huge(store, {SIZE - 6: b"needle"})

    found = await find(store, sample, read_pattern("needle"), SIZE - 5)

    assert (found.offset, found.next) == (None, None)
