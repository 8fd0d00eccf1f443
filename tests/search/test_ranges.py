"""Samples and submissions of a time range: exact in any order, and no index is read from its beginning."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from bench.tenants import Tenants

from samplebank.accounts.caller import Caller
from samplebank.database import Connection, Database, Page, Sql
from samplebank.database.listing import OrderedListing
from samplebank.database.times import TimeRange
from samplebank.search import creation
from samplebank.search.overview import Overview
from samplebank.search.sample_order import SORTS as SAMPLE_SORTS
from samplebank.search.samples import SampleCriterion, samples_matching
from samplebank.search.submission_ranges import OBSERVED, SUBMITTED, OfRange
from samplebank.search.submissions import SORTS as SUBMISSION_SORTS
from samplebank.search.submissions import SubmissionListing, SubmissionSearch, submissions_matching
from samplebank.search.window import IndexWindow
from search.conftest import NOW, entries_read, followed, forget_scans

ALWAYS = IndexWindow(0)
#: milliseconds within which any count here is done
LONG = 60_000
HOUR, DAY = 3_600_000, 86_400_000
OLDEST, NEWEST = (
    "SELECT min(created_time) FROM sample",
    f"SELECT max(created_time) FROM sample WHERE created_time < {NOW}",
)
#: days from the oldest sample, of 27, to the start and the end of a range; None for an open end
RANGES: dict[str, tuple[float | None, float | None]] = {
    "a week": (9, 16),
    "all but the last week": (None, 20),
    "a week until now": (20, None),
    "an hour": (9, 9 + 1 / 24),
}
SAMPLES = [sign + name for sign in ("", "-") for name in SAMPLE_SORTS]
SUBMISSIONS = [sign + name for sign in ("", "-") for name in SUBMISSION_SORTS]
Listing = Callable[[], OrderedListing[Any]]
#: entries of indexes that a page may read, where a week has 3,500 samples and 7,000 submissions. A reader of one customer sees
#: one of fifteen submissions. The few samples of the reader may be gathered
FEW = {"admin": 1_000, "one": 2_500}
TABLES = ["sample", "submission", "analysis", "link", "classification", "sample_reader"]


@pytest.fixture
async def db(filled: tuple[Database, Tenants]) -> AsyncIterator[Connection]:
    async with filled[0].connection() as db:
        yield db


async def times_of(db: Connection, name: str, *fields: str, every: bool = False) -> TimeRange:
    oldest = await db.fetchval(OLDEST)
    start, end = (None if days is None else oldest + int(days * DAY) for days in RANGES[name])
    return TimeRange(start, end, fields, every=every)


def names(rows: list[Any]) -> list[Any]:
    """What tells samples, or submissions, apart."""
    return [row.sha256 if isinstance(row, Overview) else row.id for row in rows]


async def whole(db: Connection, listing: Listing) -> list[Any]:
    """The names of all rows, sorted as a whole."""
    listed = listing()
    name = "u.id" if isinstance(listed, SubmissionListing) else "s.sha256"
    query = Sql(f"SELECT {name} FROM {{}} WHERE {{}} {listed.order}", listed.source, listed.where)
    return [row[0] for row in await query.rows(db)]


async def parts(db: Connection, listing: Listing) -> tuple[list[Any], list[Any], int]:
    """The names on the first page and on a deep page, and the number."""
    first = listing()
    page = await first.page(db, Page(25))
    deep = await listing().page(db, Page(25, 40))
    return names(page), names(deep), (await first.count(db, LONG)).number


@pytest.mark.parametrize("who", ["admin", "most", "one"])
@pytest.mark.parametrize("sort", SAMPLES)
@pytest.mark.parametrize("name", RANGES)
async def test_a_page_of_samples_of_a_range_is_the_part_of_the_whole_list(
    db: Connection,
    callers: dict[str, Caller],
    name: str,
    sort: str,
    who: str,
) -> None:
    wanted = SampleCriterion(times=await times_of(db, name, "sampleCreated"))

    def listing() -> OrderedListing[Any]:
        return samples_matching(callers[who], wanted, ALWAYS, [sort])

    found, deep, number = await parts(db, listing)

    rows = await whole(db, listing)
    assert (found, deep, number) == (rows[:25], rows[40:65], len(rows))


@pytest.mark.parametrize("who", ["admin", "most", "one"])
@pytest.mark.parametrize("sort", SUBMISSIONS)
@pytest.mark.parametrize("field", [SUBMITTED, OBSERVED])
@pytest.mark.parametrize("name", RANGES)
async def test_a_page_of_submissions_of_a_range_is_the_part_of_the_whole_list(
    db: Connection,
    callers: dict[str, Caller],
    name: str,
    field: str,
    sort: str,
    who: str,
) -> None:
    wanted = SubmissionSearch(times=await times_of(db, name, field))

    def listing() -> OrderedListing[Any]:
        return submissions_matching(callers[who], wanted, ALWAYS, [sort])

    found, deep, number = await parts(db, listing)

    rows = await whole(db, listing)
    assert (found, deep, number) == (rows[:25], rows[40:65], len(rows))


@pytest.mark.parametrize("who", ["admin", "most", "one"])
@pytest.mark.parametrize("kind", ["samples", "submissions"])
@pytest.mark.parametrize("days", [10, 17], ids=["within the range", "behind the range"])
async def test_of_a_range_that_begins_before_the_window_only_what_lies_in_the_window_is_found(
    db: Connection, callers: dict[str, Caller], days: int, kind: str, who: str
) -> None:
    window = IndexWindow(await db.fetchval(OLDEST) + days * DAY)
    of_samples = SampleCriterion(times=await times_of(db, "a week", "sampleCreated"))
    of_submissions = SubmissionSearch(times=await times_of(db, "a week", SUBMITTED))

    def listing() -> OrderedListing[Any]:
        if kind == "samples":
            return samples_matching(callers[who], of_samples, window)
        return submissions_matching(callers[who], of_submissions, window)

    found, deep, number = await parts(db, listing)

    rows = await whole(db, listing)
    assert (found, deep, number) == (rows[:25], rows[40:65], len(rows))


@pytest.mark.parametrize("kind", ["samples", "submissions"])
@pytest.mark.parametrize("name", RANGES)
async def test_a_range_as_a_stream_is_the_whole_list_with_the_rows_of_the_pages(
    db: Connection, callers: dict[str, Caller], name: str, kind: str
) -> None:
    of_samples = SampleCriterion(times=await times_of(db, name, "sampleCreated"))
    of_submissions = SubmissionSearch(times=await times_of(db, name, SUBMITTED))

    def listing() -> OrderedListing[Any]:
        if kind == "samples":
            return samples_matching(callers["most"], of_samples, ALWAYS, ["-sampleSize"])
        return submissions_matching(callers["most"], of_submissions, ALWAYS, ["mimeType"])

    async with db.transaction(readonly=True):
        rows = [row for piece in [p async for p in listing().pieces(db, Page(0))] for row in piece]

    assert names(rows) == await whole(db, listing)
    assert await listing().page(db, Page(25, 40)) == rows[40:65]


@pytest.mark.parametrize("every", [True, False])
async def test_a_range_of_several_times_is_that_of_all_or_of_any(
    db: Connection, callers: dict[str, Caller], *, every: bool
) -> None:
    of_samples = await times_of(db, "a week", "sampleCreated", "submissionObserved", every=every)
    of_submissions = await times_of(db, "a week", SUBMITTED, OBSERVED, every=every)
    listings: list[Listing] = [
        lambda: samples_matching(
            callers["admin"], SampleCriterion(times=of_samples), ALWAYS, ["lastUpdatedSubmission"]
        ),
        lambda: submissions_matching(
            callers["admin"], SubmissionSearch(times=of_submissions), ALWAYS, ["mimeType"]
        ),
    ]

    pages = [await parts(db, listing) for listing in listings]

    rows = [await whole(db, listing) for listing in listings]
    assert pages == [(one[:25], one[40:65], len(one)) for one in rows]


@pytest.mark.parametrize("who", ["admin", "one"])
@pytest.mark.parametrize("sort", SAMPLES)
async def test_pages_of_a_range_behind_cursors_are_together_the_whole_list(
    db: Connection, callers: dict[str, Caller], sort: str, who: str
) -> None:
    wanted = SampleCriterion(times=await times_of(db, "a week until now", "sampleCreated"))

    def listing() -> OrderedListing[Any]:
        return samples_matching(callers[who], wanted, ALWAYS, [sort])

    assert names(await followed(db, listing, 500)) == await whole(db, listing)


@pytest.mark.parametrize("sort", SUBMISSIONS)
async def test_pages_of_submissions_of_a_range_behind_cursors_are_together_the_whole_list(
    db: Connection, callers: dict[str, Caller], sort: str
) -> None:
    wanted = SubmissionSearch(times=await times_of(db, "a week until now", SUBMITTED))

    def listing() -> OrderedListing[Any]:
        return submissions_matching(callers["admin"], wanted, ALWAYS, [sort])

    assert names(await followed(db, listing, 1000)) == await whole(db, listing)


@pytest.mark.parametrize("sort", ["lastUpdatedLink", "-sampleClassificationType"])
async def test_ranges_with_very_many_samples_that_came_back_are_exact(
    db: Connection, callers: dict[str, Caller], monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    wanted = SampleCriterion(times=await times_of(db, "a week until now", "sampleCreated"))
    monkeypatch.setattr(creation, "MOST_RETURNED", 5)

    def listing() -> OrderedListing[Any]:
        return samples_matching(callers["admin"], wanted, ALWAYS, [sort])

    found, deep, number = await parts(db, listing)

    rows = await whole(db, listing)
    assert (found, deep, number) == (rows[:25], rows[40:65], len(rows))


@pytest.mark.parametrize("sort", ["mimeType", "-observedTimestamp"])
async def test_ranges_with_very_many_submissions_whose_times_lie_apart_are_exact(
    db: Connection, callers: dict[str, Caller], sort: str
) -> None:
    wanted = SubmissionSearch(times=await times_of(db, "a week until now", SUBMITTED))
    listing = submissions_matching(callers["admin"], wanted, ALWAYS, [sort])
    assert isinstance(listing, SubmissionListing)
    (of_range,) = listing.ways
    assert isinstance(of_range, OfRange)

    found = await of_range._replace(most=5).find(db, Page(25, 40))

    rows = await whole(db, lambda: listing)
    assert found is not None
    assert names(list(found)) == rows[40:65]


@pytest.mark.parametrize("sort", SAMPLES)
@pytest.mark.parametrize("name", ["a week", "a week until now"])
async def test_a_page_of_samples_of_a_range_reads_few_entries(
    db: Connection, callers: dict[str, Caller], name: str, sort: str
) -> None:
    wanted = SampleCriterion(times=await times_of(db, name, "sampleCreated"))
    await forget_scans(db)

    page = await samples_matching(callers["admin"], wanted, ALWAYS, [sort]).page(db, Page(25))

    assert len(page) == 25
    assert await entries_read(db, TABLES) <= FEW["admin"]


@pytest.mark.parametrize("who", FEW)
@pytest.mark.parametrize("sort", SUBMISSIONS)
@pytest.mark.parametrize("field", [SUBMITTED, OBSERVED])
@pytest.mark.parametrize("name", ["a week", "a week until now"])
async def test_a_page_of_submissions_of_a_range_reads_few_entries(
    db: Connection, callers: dict[str, Caller], name: str, field: str, sort: str, who: str
) -> None:
    wanted = SubmissionSearch(times=await times_of(db, name, field))
    await forget_scans(db)

    page = await submissions_matching(callers[who], wanted, ALWAYS, [sort]).page(db, Page(25))

    assert len(page) == 25
    assert await entries_read(db, ["submission"]) <= FEW[who]


@pytest.mark.parametrize("who", FEW)
async def test_the_number_of_submissions_of_a_range_is_told_without_reading_a_week(
    db: Connection, callers: dict[str, Caller], who: str
) -> None:
    wanted = SubmissionSearch(times=await times_of(db, "a week", SUBMITTED))
    await forget_scans(db)

    count = await submissions_matching(callers[who], wanted, ALWAYS).count(db, LONG)

    assert count.is_exact
    assert await entries_read(db, ["submission"]) <= 100
