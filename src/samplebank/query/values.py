"""Values of terms: numbers, sizes and times, alone or as a range."""

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeVar

from samplebank import timespec
from samplebank.query.mistakes import quoted
from samplebank.query.tree import Part, Term
from samplebank.timespec import BadTime, Millis, Unit

T = TypeVar("T")
RANGE: Final = ".."
COMPARISON: Final = re.compile(r">=|<=|>|<")
NUMBER: Final = re.compile(r"-?[0-9]{1,6}")
SIZE: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([KMGT]?)(?:i?B)?", re.IGNORECASE)
UNITS: Final[Mapping[str, int]] = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
LARGEST: Final = 2**63 - 1
AGO: Final = re.compile(r"-([0-9]{1,6}) ?([a-zA-Z]+)")
DATE: Final = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
DAYS: Final[Mapping[str, str]] = {"today": "startOfDay", "yesterday": "startOfDay - 1 day"}
SIZES = "A size is a number of bytes with K, M, G or T, alone or as a range: 4096, >1M, 1K..2M."
TIMES = 'A time is "-7d", "2026-11-01", "2026-11", "today", "yesterday" or an ISO time in UTC, with seconds and Z (2026-11-01T12:30:00Z), alone or as a range: 2026-11-01..2026-11-08.'


class BadValue(ValueError):
    """A value that a field does not take. The text of the error tells which values the field takes."""


class Bounds(NamedTuple):
    """From `start` to before `end`; None leaves an end open."""

    start: int | None
    end: int | None


class Limits(NamedTuple):
    """A range as written: texts, and whether the limits themselves lie within."""

    low: str | None
    high: str | None
    with_low: bool = True
    with_high: bool = True


def limits_of(term: Term) -> Limits | None:
    """The range that a term writes; None for a single value."""
    if (found := _comparison(term)) is not None:
        sign, value = found
        if sign.startswith(">"):
            return Limits(value, None, with_low=sign == ">=")
        return Limits(None, value, with_high=sign == "<=")
    before = ""
    for position, part in enumerate(term.parts):
        if not part.quoted and RANGE in part.text:
            left, _, right = part.text.partition(RANGE)
            after = "".join(later.text for later in term.parts[position + 1 :])
            return Limits(before + left or None, right + after or None)
        before += part.text
    return None


def _comparison(term: Term) -> tuple[str, str] | None:
    first, *rest = term.parts or (Part(""),)
    found = None if first.quoted else COMPARISON.match(first.text)
    if found is None:
        return None
    return found[0], first.text[found.end() :] + "".join(part.text for part in rest)


def bounds_of(term: Term, read: Callable[[str], Bounds], single: Callable[[str], Bounds]) -> Bounds:
    """The bounds of a term. `read` reads a limit, `single` a value that stands alone. Raises `BadValue`."""
    limits = limits_of(term)
    if limits is None:
        return single(term.text)
    low, high, with_low, with_high = limits
    if low is None and high is None:
        raise BadValue("A range has at least one end.")
    first = None if low is None else read(low)
    last = None if high is None else read(high)
    start = None if first is None else (first.start if with_low else first.end)
    end = None if last is None else (last.end if with_high else last.start)
    if start is not None and end is not None and start >= end:
        raise BadValue("The range is empty: its first end lies behind its last end.")
    return Bounds(start, end)


def read_number(text: str, least: int, most: int) -> Bounds:
    if not NUMBER.fullmatch(text) or not least <= int(text) <= most:
        raise BadValue(
            f"{quoted(text)} is no whole number from {least} to {most}, alone or as a range: 70, 70.., >=70, 30..69."
        )
    return Bounds(int(text), int(text) + 1)


def read_size(text: str) -> Bounds:
    found = SIZE.fullmatch(text)
    if found is None:
        raise BadValue(f"{quoted(text)} is no size. {SIZES}")
    size = (
        int(float(found[1]) * UNITS[found[2].upper()])
        if "." in found[1]
        else int(found[1]) * UNITS[found[2].upper()]
    )
    return Bounds(min(size, LARGEST - 1), min(size, LARGEST - 1) + 1)


def read_time(text: str, now: Millis) -> Bounds:
    """A day, month or year as a whole; any other time as its millisecond."""
    if date := DATE.fullmatch(text):
        return _period(date, text, now)
    if text.lower() in DAYS:
        start = timespec.parse(DAYS[text.lower()], now=now)
        return Bounds(start, timespec.shift(start, 1, Unit.DAY))
    try:
        moment = timespec.parse(f"now{text}" if AGO.fullmatch(text) else text, now=now)
    except BadTime as error:
        said = str(error) if AGO.fullmatch(text) else TIMES
        raise BadValue(f"{quoted(text)} is no time. {said}") from error
    return Bounds(moment, moment + 1)


def since(text: str, now: Millis) -> Bounds:
    """A time that stands alone: a day, month or year as a whole; from any other time on."""
    bounds = read_time(text, now)
    return bounds if DATE.fullmatch(text) or text.lower() in DAYS else Bounds(bounds.start, None)


def _period(date: re.Match[str], text: str, now: Millis) -> Bounds:
    year, month, day = date.groups()
    unit = Unit.DAY if day else Unit.MONTH if month else Unit.YEAR
    try:
        start = timespec.parse(f"{year}-{month or '01'}-{day or '01'}T00:00:00Z", now=now)
    except BadTime as error:
        raise BadValue(f"{quoted(text)} is no time. {error}") from error
    # the year behind the last one is no time
    return Bounds(start, min(timespec.shift(start, 1, unit), timespec.LATEST))
