"""Timelines without a database: folding, gaps and bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samplebank.search.timelines import DAY, HOUR, MOST_BUCKETS, Timeline, TooManyBuckets, buckets
from samplebank.timespec import bucket_start, next_bucket, parse

RESOLUTIONS = ["hour", "day", "week", "month", "quarter"]


def at(iso: str) -> int:
    return parse(iso, now=0)


def line(resolution: str, *, start: int | None = None, end: int | None = None) -> Timeline:
    return Timeline("observedTimestamp", resolution, include_empty=True, start=start, end=end)


def test_days_fold_into_months() -> None:
    counted = [
        (at("2024-01-31T00:00:00Z"), 2),
        (at("2024-02-01T00:00:00Z"), 3),
        (at("2024-02-29T00:00:00Z"), 4),
    ]

    found = buckets(Timeline("observedTimestamp", "month"), counted)

    assert found == [(at("2024-01-01T00:00:00Z"), 2), (at("2024-02-01T00:00:00Z"), 7)]


def test_gaps_are_left_out_unless_asked_for() -> None:
    found = buckets(Timeline("observedTimestamp", "day"), [(5 * DAY, 1), (2 * DAY, 1)])

    assert found == [(2 * DAY, 1), (5 * DAY, 1)]


def test_gaps_are_filled_from_the_first_to_the_last_bucket() -> None:
    found = buckets(line("day"), [(4 * DAY, 1), (2 * DAY, 1)])

    assert found == [(2 * DAY, 1), (3 * DAY, 0), (4 * DAY, 1)]


def test_bounds_that_are_given_are_spanned() -> None:
    found = buckets(line("day", start=DAY + 1, end=4 * DAY), [(2 * DAY, 9)])

    assert found == [(DAY, 0), (2 * DAY, 9), (3 * DAY, 0)]


def test_bounds_alone_give_empty_buckets() -> None:
    found = buckets(line("hour", start=0, end=2 * HOUR + 1), [])

    assert found == [(0, 0), (HOUR, 0), (2 * HOUR, 0)]


def test_nothing_at_all_is_no_bucket() -> None:
    assert buckets(line("day", start=DAY), []) == []


def test_too_long_a_span_is_refused() -> None:
    with pytest.raises(TooManyBuckets):
        buckets(line("hour", start=0, end=(MOST_BUCKETS + 1) * HOUR), [])


def test_the_longest_span_is_not() -> None:
    found = buckets(line("hour", start=0, end=MOST_BUCKETS * HOUR), [])

    assert len(found) == MOST_BUCKETS


def test_too_many_filled_buckets_are_refused() -> None:
    counted = [(n * HOUR, 1) for n in range(MOST_BUCKETS + 1)]

    with pytest.raises(TooManyBuckets):
        buckets(Timeline("observedTimestamp", "hour"), counted)


@given(st.sampled_from(RESOLUTIONS), st.lists(st.integers(0, 300 * DAY), min_size=1, max_size=40))
def test_filled_timelines_have_no_gaps_and_lose_nothing(resolution: str, moments: list[int]) -> None:
    found = buckets(line(resolution), [(moment, 1) for moment in moments])

    starts = [start for start, _ in found]
    assert starts[1:] == [next_bucket(start, resolution) for start in starts[:-1]]
    assert sum(count for _, count in found) == len(moments)
    assert starts[0] == bucket_start(min(moments), resolution)
