"""Timelines: how many rows fall into each hour, day, week, month or quarter (UTC, weeks from Monday)."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec

from samplebank.timespec import Millis, bucket_start, next_bucket

#: (start of the bucket, rows in it)
Bucket: TypeAlias = tuple[Millis, int]

HOUR = 3_600_000
DAY = 24 * HOUR
WEEK = 7 * DAY
#: 1970-01-01 was a Thursday
SINCE_MONDAY = 3 * DAY
#: buckets of one timeline
MOST_BUCKETS = 10_000
#: the start of the bucket of a time; PostgreSQL counts days, which `gather` puts together to months and quarters
STARTS: Mapping[str, str] = {
    "hour": f"{{0}} - {{0}} % {HOUR}",
    "day": f"{{0}} - {{0}} % {DAY}",
    "week": f"{{0}} - ({{0}} + {SINCE_MONDAY}) % {WEEK}",
    "month": f"{{0}} - {{0}} % {DAY}",
    "quarter": f"{{0}} - {{0}} % {DAY}",
}


class TooManyBuckets(ValueError):
    """A timeline of more than `MOST_BUCKETS` buckets."""


class Timeline(msgspec.Struct, frozen=True):
    """A timeline that is asked for; with `include_empty` from `start` to before `end`, where these are known."""

    field: str
    resolution: str
    include_empty: bool = False
    start: Millis | None = None
    end: Millis | None = None


def start_sql(column: str, resolution: str) -> str:
    return STARTS[resolution].format(column)


def buckets(timeline: Timeline, counted: Iterable[Bucket]) -> list[Bucket]:
    """The buckets of the timeline in order, from what the database counted; raises `TooManyBuckets`."""
    filled = gather(timeline.resolution, counted)
    if not timeline.include_empty:
        if len(filled) > MOST_BUCKETS:
            raise TooManyBuckets
        return sorted(filled.items())
    first = min([*filled, *_bounds(timeline.resolution, timeline.start)], default=None)
    last = max([*filled, *_bounds(timeline.resolution, _before(timeline.end))], default=None)
    if first is None or last is None:
        return []
    return [(start, filled.get(start, 0)) for start in _starts(first, last, timeline.resolution)]


def gather(resolution: str, counted: Iterable[Bucket]) -> dict[Millis, int]:
    """The rows of each bucket of this resolution."""
    filled: dict[Millis, int] = {}
    for moment, count in counted:
        start = bucket_start(moment, resolution)
        filled[start] = filled.get(start, 0) + count
    return filled


def _before(end: Millis | None) -> Millis | None:
    return None if end is None else max(end - 1, 0)


def _bounds(resolution: str, moment: Millis | None) -> list[Millis]:
    return [] if moment is None else [bucket_start(moment, resolution)]


def _starts(first: Millis, last: Millis, resolution: str) -> list[Millis]:
    starts: list[Millis] = []
    while first <= last:
        if len(starts) == MOST_BUCKETS:
            raise TooManyBuckets
        starts.append(first)
        first = next_bucket(first, resolution)
    return starts
