"""What the interface accepts as a time, and which moment it means."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from samplebank.timespec import (
    BadTime,
    Millis,
    Unit,
    bucket_start,
    iso,
    millis,
    next_bucket,
    parse,
    shift,
    start_of,
)

RESOLUTIONS = ["hour", "day", "week", "month", "quarter"]
CALENDAR_UNITS = [Unit.MONTH, Unit.QUARTER, Unit.YEAR]
LATEST = 253_402_300_799_999

moments = st.integers(min_value=0, max_value=LATEST)
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
)


def ms(text: str) -> Millis:
    return millis(datetime.fromisoformat(text).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC))


#: a Thursday, in a leap year, on a day that most months lack
NOW = ms("2024-02-29T12:34:56.789")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "1970-01-01"),
        (1700000000123, "2023-11-14T22:13:20.123"),
        ("1700000000123", "2023-11-14T22:13:20.123"),
        ("0", "1970-01-01"),
        (LATEST, "9999-12-31T23:59:59.999"),
        ("2024-02-29T12:34:56Z", "2024-02-29T12:34:56"),
        ("2024-02-29T12:34:56.7Z", "2024-02-29T12:34:56.700"),
        ("2024-02-29T12:34:56.789Z", "2024-02-29T12:34:56.789"),
        ("2024-02-29T12:34:56.789999999Z", "2024-02-29T12:34:56.789"),
        ("2024-02-29t12:34:56z", "2024-02-29T12:34:56"),
        ("2024-02-29T12:34Z", "2024-02-29T12:34:00"),
    ],
)
def test_an_absolute_time_is_milliseconds_or_iso_in_utc(value: object, expected: str) -> None:
    assert parse(value, now=NOW) == ms(expected)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("now", "2024-02-29T12:34:56.789"),
        ("NOW", "2024-02-29T12:34:56.789"),
        (" now ", "2024-02-29T12:34:56.789"),
        ("now - 1 second", "2024-02-29T12:34:55.789"),
        ("now-30s", "2024-02-29T12:34:26.789"),
        ("now - 90 minutes", "2024-02-29T11:04:56.789"),
        ("now-5m", "2024-02-29T12:29:56.789"),
        ("now + 3 HOURS", "2024-02-29T15:34:56.789"),
        ("now-14d", "2024-02-15T12:34:56.789"),
        ("now  -  2   days", "2024-02-27T12:34:56.789"),
        ("now - 000012 hours", "2024-02-29T00:34:56.789"),
        ("now - 2 w", "2024-02-15T12:34:56.789"),
        ("now-2M", "2023-12-29T12:34:56.789"),
        ("now-1q", "2023-11-29T12:34:56.789"),
        ("now-1y", "2023-02-28T12:34:56.789"),
        ("now+4y", "2028-02-29T12:34:56.789"),
        ("now - 1 day + 6 hours - 30 minutes", "2024-02-28T18:04:56.789"),
        ("now + 1 day - 2 days", "2024-02-28T12:34:56.789"),
        ("now-1day+1week", "2024-03-06T12:34:56.789"),
    ],
)
def test_now_moves_by_every_unit(expression: str, expected: str) -> None:
    assert parse(expression, now=NOW) == ms(expected)


@pytest.mark.parametrize(
    ("unit", "first", "last"),
    [
        ("Minute", "2024-02-29T12:34", "2024-02-29T12:34:59.999"),
        ("Hour", "2024-02-29T12:00", "2024-02-29T12:59:59.999"),
        ("Day", "2024-02-29", "2024-02-29T23:59:59.999"),
        ("Week", "2024-02-26", "2024-03-03T23:59:59.999"),
        ("Month", "2024-02-01", "2024-02-29T23:59:59.999"),
        ("Quarter", "2024-01-01", "2024-03-31T23:59:59.999"),
        ("Year", "2024-01-01", "2024-12-31T23:59:59.999"),
    ],
)
def test_a_unit_reaches_from_its_first_to_its_last_millisecond(unit: str, first: str, last: str) -> None:
    assert parse(f"startOf{unit}", now=NOW) == ms(first)
    assert parse(f"endOf{unit}", now=NOW) == ms(last)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("startOfDay - 1 day + 6 hours", "2024-02-28T06:00"),
        ("startofday-1day", "2024-02-28"),
        ("STARTOFMONTH", "2024-02-01"),
        ("startOfYear - 1 day - 10 months", "2023-02-28"),
        ("startOfYear - 1 day - 1 quarter", "2023-09-30"),
        ("endOfYear - 2 years", "2022-12-31T23:59:59.999"),
        ("endOfMonth - 2 months - 1 day", "2023-12-28T23:59:59.999"),
    ],
)
def test_steps_start_from_the_edge_of_a_unit(expression: str, expected: str) -> None:
    assert parse(expression, now=NOW) == ms(expected)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("now + 1 month", "2024-02-29"),
        ("now + 2 months", "2024-03-31"),
        ("now + 1 month + 1 month", "2024-03-29"),
        ("now + 1 month - 1 month", "2024-01-29"),
        ("now + 13 months", "2025-02-28"),
        ("now - 11 months", "2023-02-28"),
        ("now + 1 quarter", "2024-04-30"),
    ],
)
def test_each_calendar_step_stops_at_the_last_day_of_its_month(expression: str, expected: str) -> None:
    assert parse(expression, now=ms("2024-01-31")) == ms(expected)


def test_a_step_may_pass_through_years_that_the_result_may_not_lie_in() -> None:
    assert parse("now - 999999 years + 999999 years", now=NOW) == ms("2024-02-28T12:34:56.789")
    assert parse("now + 999999 weeks - 999999 weeks", now=NOW) == NOW


@pytest.mark.parametrize(
    "value",
    [
        *[
            "",
            "now -",
            "now 1 week",
            "now - week",
            "1 week",
            "week",
            "yesterday",
            "now * 2 days",
            "now - -1 day",
        ],
        *[
            "now - 1.5 days",
            "now - 1 fortnight",
            "now - 1 day garbage",
            "now, - 1 day",
            "now\t- 1 day",
            "now\n",
        ],
        *[
            "now - 1 H",
            "now - 1 S",
            "now - 1 ms",
            "now - 1234567 days",
            "now - \u0661 day",
            "now - 1 wee\u212a",
        ],
        *[
            "startOf",
            "startOfSecond",
            "startOfDecade",
            "startOf day",
            "startOfDay startOfDay",
            "start of day",
        ],
        *["2024-13-01T00:00:00Z", "2024-02-30T00:00:00Z", "2024-01-02T24:00:00Z", "0000-01-01T00:00:00Z"],
        *["2024-01-02T03:04:05", "2024-01-02T03:04:05+02:00", "2024-01-02T03:04:05+00:00", "2024-01-02"],
        *[
            "2024-01-02T03:04:05.Z",
            "2024-01-02T03:04.5Z",
            "2024-01-02T03Z",
            "2024-01-02T03:04",
            "2024-01-02T03:04:05.1234567890Z",
            "2024-01-02 03:04:05Z",
            "\u0662024-01-02T03:04:05Z",
        ],
        *["-1", "+1", "1.0", "1e3", "1_000", "0x10", "9" * 5000],
        *[True, False, None, 1.0, {"ms": 1}, [1700000000123], b"now"],
    ],
)
def test_what_names_no_moment_is_refused(value: object) -> None:
    with pytest.raises(BadTime):
        parse(value, now=NOW)


@pytest.mark.parametrize(
    "value",
    [
        -1,
        LATEST + 1,
        str(LATEST + 1),
        10**40,
        "1969-12-31T23:59:59.999Z",
        "now - 55 years",
        "now + 7976 years",
    ],
)
def test_the_years_are_1970_to_9999(value: object) -> None:
    with pytest.raises(BadTime, match="1970 to 9999"):
        parse(value, now=NOW)


def test_a_refusal_says_what_is_accepted() -> None:
    with pytest.raises(BadTime, match=r"milliseconds since the epoch.*ISO-8601.*now - 1 week"):
        parse("tomorrow", now=NOW)
    with pytest.raises(BadTime, match='"fortnight" is no unit of time: use second, minute'):
        parse("now - 1 fortnight", now=NOW)


@pytest.mark.parametrize(
    ("resolution", "start", "following"),
    [
        ("hour", "2024-02-29T12:00", "2024-02-29T13:00"),
        ("day", "2024-02-29", "2024-03-01"),
        ("week", "2024-02-26", "2024-03-04"),
        ("month", "2024-02-01", "2024-03-01"),
        ("quarter", "2024-01-01", "2024-04-01"),
    ],
)
def test_buckets_follow_the_calendar_in_utc(resolution: str, start: str, following: str) -> None:
    assert bucket_start(NOW, resolution) == ms(start)
    assert next_bucket(ms(start), resolution) == ms(following)


def test_a_duration_counts_in_whole_milliseconds() -> None:
    assert millis(timedelta(minutes=1, milliseconds=5, microseconds=999)) == 60_005


@given(moments)
def test_what_is_written_as_iso_is_read_back(moment: Millis) -> None:
    assert parse(iso(moment), now=NOW) == moment


@given(moments, st.sampled_from(RESOLUTIONS))
def test_every_moment_lies_in_its_bucket(moment: Millis, resolution: str) -> None:
    start = bucket_start(moment, resolution)

    assert start <= moment < next_bucket(start, resolution)
    assert bucket_start(start, resolution) == start


@given(moments, st.integers(-5000, 5000), st.sampled_from(CALENDAR_UNITS))
def test_a_calendar_step_lands_in_the_month_counted_to(moment: Millis, amount: int, unit: Unit) -> None:
    landed = shift(moment, amount, unit)

    months = amount * {Unit.MONTH: 1, Unit.QUARTER: 3, Unit.YEAR: 12}[unit]
    assert start_of(Unit.MONTH, landed) == shift(start_of(Unit.MONTH, moment), months, Unit.MONTH)
    assert (landed - moment) % millis(timedelta(days=1)) == 0


@given(moments, st.integers(-999_999, 999_999), st.sampled_from(["second", "minute", "hour", "day", "week"]))
def test_a_step_of_fixed_length_agrees_with_the_clock(moment: Millis, amount: int, unit: str) -> None:
    expected = moment + millis(timedelta(**{f"{unit}s": amount}))
    assume(0 <= expected <= LATEST)

    assert parse(f"now{amount:+}{unit}", now=moment) == expected


def read(value: object) -> Millis | str:
    try:
        return parse(value, now=NOW)
    except BadTime as refusal:
        return str(refusal)


@given(json_values)
def test_whatever_comes_is_a_moment_or_a_refusal(value: object) -> None:
    answer = read(value)

    assert answer.endswith(".") if isinstance(answer, str) else 0 <= answer <= LATEST
