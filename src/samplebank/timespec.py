"""Times of the interface: integer milliseconds since the epoch, always UTC.

Moments are whole numbers throughout. So a step of a relative time may pass through years that no `datetime` holds.
"""

import calendar
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias

Millis: TypeAlias = int


class BadTime(ValueError):
    """A value that names no moment. The text of the error tells which values do."""


class Unit(StrEnum):
    SECOND = "second"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


_DAY: Final = 86_400_000
_LENGTHS: Final[Mapping[Unit, Millis]] = {
    Unit.SECOND: 1_000,
    Unit.MINUTE: 60_000,
    Unit.HOUR: 3_600_000,
    Unit.DAY: _DAY,
    Unit.WEEK: 7 * _DAY,
}
_MONTHS: Final[Mapping[Unit, int]] = {Unit.MONTH: 1, Unit.QUARTER: 3, Unit.YEAR: 12}
_LETTERS: Final[Mapping[str, Unit]] = {
    "s": Unit.SECOND,
    "m": Unit.MINUTE,
    "h": Unit.HOUR,
    "d": Unit.DAY,
    "w": Unit.WEEK,
    "M": Unit.MONTH,
    "q": Unit.QUARTER,
    "y": Unit.YEAR,
}
_UNITS: Final[Mapping[str, Unit]] = {
    **{unit.value: unit for unit in Unit},
    **{f"{unit.value}s": unit for unit in Unit},
}

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_WEEKDAY: Final = 3  # 1970-01-01 was a Thursday
#: 9999-12-31T23:59:59.999Z
LATEST: Final = 253_402_300_799_999

# The Gregorian calendar repeats after 400 years. 400 years are a whole number of weeks.
_CYCLE_YEARS: Final = 400
_CYCLE_DAYS: Final = 146_097
_CYCLE_START: Final = date(2000, 1, 1)
_CYCLE_OFFSET: Final = (_CYCLE_START - _EPOCH.date()).days

_DIGITS: Final = re.compile(r"[0-9]{1,15}")
# Java writes a time on the full minute without seconds.
_ISO: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:(?<=:..:..)\.([0-9]{1,9}))?Z",
    re.IGNORECASE,
)
_BASE: Final = r"(?P<base>now|(?P<edge>start|end)of(?P<of>minute|hour|day|week|month|quarter|year))"
_STEP: Final = r" *([+-]) *([0-9]{1,6}) *([a-z]+)"
_RELATIVE: Final = re.compile(f"{_BASE}(?P<steps>(?:{_STEP})*)", re.IGNORECASE | re.ASCII)
_STEPS: Final = re.compile(_STEP, re.IGNORECASE | re.ASCII)

_ACCEPTED: Final = (
    'A time is whole milliseconds since the epoch, an ISO-8601 time in UTC such as "2024-02-29T12:34:56Z", '
    'or relative such as "now - 1 week" or "startOfDay + 6 hours".'
)
#: the most steps of a relative time, and the most characters of any time
_MOST_STEPS: Final = 64
_LONGEST: Final = 2_000
_RANGE: Final = "A time must lie in the years 1970 to 9999."


def millis(duration: timedelta) -> Millis:
    return duration // timedelta(milliseconds=1)


def iso(moment: Millis) -> str:
    """Write a moment in a form that `parse` reads, with three decimals."""
    at = _EPOCH + timedelta(milliseconds=moment)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{moment % 1000:03d}Z"


def parse(value: object, *, now: Millis) -> Millis:
    """Read a time in any form that the interface accepts. Raises `BadTime`."""
    moment = _read(value, now)
    if not 0 <= moment <= LATEST:
        raise BadTime(_RANGE)
    return moment


def _read(value: object, now: Millis) -> Millis:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        if len(value) > _LONGEST:
            raise BadTime(f"A time has at most {_LONGEST} characters.")
        text = value.strip(" ")
        if _DIGITS.fullmatch(text):
            return int(text)
        if absolute := _ISO.fullmatch(text):
            return _absolute(absolute)
        if relative := _RELATIVE.fullmatch(text):
            return _relative(relative, now)
    raise BadTime(_ACCEPTED)


def _absolute(match: re.Match[str]) -> Millis:
    whole, fraction = match.groups(default="")
    try:
        at = datetime.fromisoformat(whole.upper()).replace(tzinfo=UTC)
    except ValueError as error:
        raise BadTime(f"There is no such moment: {error}.") from error
    return millis(at - _EPOCH) + int(fraction[:3].ljust(3, "0"))


def _relative(match: re.Match[str], now: Millis) -> Millis:
    moment = now
    if match["edge"]:
        unit = Unit(match["of"].lower())
        moment = start_of(unit, now)
        if match["edge"].lower() == "end":
            moment = shift(moment, 1, unit) - 1
    steps = _STEPS.findall(match["steps"])
    if len(steps) > _MOST_STEPS:
        raise BadTime(f"A relative time has at most {_MOST_STEPS} steps.")
    for sign, amount, name in steps:
        moment = shift(moment, int(sign + amount), _unit(name))
    return moment


def _unit(name: str) -> Unit:
    unit = _LETTERS.get(name) if len(name) == 1 else _UNITS.get(name.lower())
    if unit is None:
        raise BadTime(
            f'"{name}" is no unit of time: use second, minute, hour, day, week, month, quarter or year, '
            "or the letters s, m, h, d, w, M, q, y."
        )
    return unit


def shift(moment: Millis, amount: int, unit: Unit) -> Millis:
    """Move a moment by `amount` units. Months and longer units keep the day of the month, or take the last day."""
    if unit in _LENGTHS:
        return moment + amount * _LENGTHS[unit]
    days, within = divmod(moment, _DAY)
    year, month, day = _civil(days)
    year, month = divmod(year * 12 + month - 1 + amount * _MONTHS[unit], 12)
    return _days(year, month + 1, day) * _DAY + within


def start_of(unit: Unit, moment: Millis) -> Millis:
    """Give the first millisecond of the unit that holds `moment`. A week starts on Monday."""
    if unit is Unit.WEEK:
        days = moment // _DAY
        return (days - (days + _EPOCH_WEEKDAY) % 7) * _DAY
    if unit in _LENGTHS:
        return moment - moment % _LENGTHS[unit]
    year, month, _ = _civil(moment // _DAY)
    step = _MONTHS[unit]
    return _days(year, (month - 1) // step * step + 1, 1) * _DAY


def bucket_start(moment: Millis, resolution: str) -> Millis:
    """Give the start of the histogram bucket that holds `moment`."""
    return start_of(Unit(resolution), moment)


def next_bucket(start: Millis, resolution: str) -> Millis:
    """Give the start of the bucket after the bucket that starts at `start`."""
    return shift(start, 1, Unit(resolution))


def _civil(days: int) -> tuple[int, int, int]:
    cycle, within = divmod(days - _CYCLE_OFFSET, _CYCLE_DAYS)
    day = _CYCLE_START + timedelta(days=within)
    return day.year + cycle * _CYCLE_YEARS, day.month, day.day


def _days(year: int, month: int, day: int) -> int:
    cycle, within = divmod(year - _CYCLE_START.year, _CYCLE_YEARS)
    like = _CYCLE_START.year + within
    last = calendar.monthrange(like, month)[1]
    return (date(like, month, min(day, last)) - _EPOCH.date()).days + cycle * _CYCLE_DAYS
