"""Sample searches make pages and counts in a separate way, with the same result as the whole list."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import NamedTuple

import pytest
from bench.tenants import Tenants

from samplebank.accounts.caller import Caller
from samplebank.database import Connection, Database, Page
from samplebank.database.counting import Count
from samplebank.database.listing import OrderedListing
from samplebank.database.times import TimeRange
from samplebank.search.keywords import Keywords, find_common, read_keyword
from samplebank.search.paths import PathCriterion
from samplebank.search.rows import (
    ClassificationCriterion,
    SubmissionCriterion,
    Tag,
    VerdictCriterion,
)
from samplebank.search.sample_listing import SampleListing
from samplebank.search.sample_order import SORTS as SAMPLE_SORTS
from samplebank.search.sample_ways import Much
from samplebank.search.samples import SampleCriterion, Users, samples_matching
from samplebank.search.sets import DIGESTS, KEYWORD_KINDS
from samplebank.search.submission_ways import Much as MuchOfSubmissions
from samplebank.search.submissions import (
    KEYWORD_FIELDS,
    SubmissionListing,
    SubmissionSearch,
    submissions_matching,
)
from samplebank.search.submissions import SORTS as SUBMISSION_SORTS
from samplebank.search.window import IndexWindow
from samplebank.submissions.model import Submission
from search.conftest import followed, rows_read

#: milliseconds within which any count here is done
LONG = 60_000
ALWAYS = IndexWindow(0)
SOME_SAMPLES = "SELECT sha256 FROM sample WHERE id % 13 = 1"
TIMES = "SELECT percentile_disc(array[0.3, 0.7]) WITHIN GROUP (ORDER BY created_time) FROM sample"


def words(*texts: str, every: bool = False) -> Keywords:
    return Keywords(tuple(map(read_keyword, texts)), frozenset((*DIGESTS, *KEYWORD_KINDS)), every=every)


def judged(least: int, *tags: Tag) -> SampleCriterion:
    return SampleCriterion(verdicts=[VerdictCriterion(minimum_score=least, tags=list(tags))])


SENSOR = SubmissionCriterion(meta_data=[PathCriterion(path="sensor", value=["dmz-7"])])
SCORED = VerdictCriterion(minimum_score=50)
SEARCHES = {
    "everything": SampleCriterion(),
    "a keyword of a few": SampleCriterion(keywords=words("faktura")),
    "a keyword of many": SampleCriterion(keywords=words("invoice")),
    "a keyword of two words": SampleCriterion(keywords=words("faktura_0")),
    "a keyword of common words": SampleCriterion(keywords=words("exe\x1fapplication/octet-stream\x1fedr")),
    "a keyword of none": SampleCriterion(keywords=words("qqzzxxjj")),
    "a keyword that is no digest": SampleCriterion(
        keywords=Keywords((read_keyword("faktura"),), frozenset(DIGESTS), every=False)
    ),
    "all of two keywords": SampleCriterion(keywords=words("faktura", "upx_packed", every=True)),
    "a keyword of analyses": SampleCriterion(keywords=words("macro_autoopen")),
    "metadata": SampleCriterion(submissions=[SENSOR]),
    "metadata or a file type": SampleCriterion(
        submissions=[SENSOR], classifications=[ClassificationCriterion(type=["pdf"])]
    ),
    "a verdict": judged(90, Tag("family", "qakbot")),
    "a score": judged(97),
    "metadata, not a score": SampleCriterion(
        submissions=[SENSOR], verdicts=[VerdictCriterion(minimum_score=50, exclude=True)]
    ),
    "sub-criteria": SampleCriterion(
        sub_criteria=[
            SampleCriterion(required=True, keywords=words("faktura")),
            SampleCriterion(exclude=True, verdicts=[SCORED]),
        ]
    ),
    "one of two sub-criteria": SampleCriterion(
        sub_criteria=[judged(98), SampleCriterion(submissions=[SENSOR])]
    ),
    "sub-criteria within sub-criteria": SampleCriterion(
        sub_criteria=[
            SampleCriterion(required=True, sub_criteria=[judged(90), SampleCriterion(submissions=[SENSOR])]),
            SampleCriterion(required=True, sub_criteria=[judged(95), SampleCriterion(tlps=["clear"])]),
        ]
    ),
    "a size": SampleCriterion(size=(1_000_000, None), verdicts=[SCORED]),
    "a size between": SampleCriterion(size=(100_000, 200_000)),
    "a verdict in a word": SampleCriterion(verdicts=[VerdictCriterion(assessment=["malicious"])]),
    "one of two words of a verdict": SampleCriterion(
        verdicts=[VerdictCriterion(assessment=["suspicious", "benign"])]
    ),
    "a name with anything between": SampleCriterion(
        submissions=[SubmissionCriterion(file_name_like=[["faktura", ".exe"]])]
    ),
    "users": SampleCriterion(users=Users([5, 6, 7], ("submittedByUser", "analysedByUser"), every=False)),
    "a TLP": SampleCriterion(tlps=["clear"], verdicts=[SCORED]),
    "only what must not be": SampleCriterion(verdicts=[VerdictCriterion(minimum_score=1, exclude=True)]),
}
SUBMISSIONS = {
    "everything": SubmissionSearch(),
    "a keyword": SubmissionSearch(
        keywords=Keywords((read_keyword("faktura"),), frozenset(KEYWORD_FIELDS), every=False)
    ),
    "a keyword of two words": SubmissionSearch(
        keywords=Keywords((read_keyword("faktura_0"),), frozenset(KEYWORD_FIELDS), every=False)
    ),
    "a keyword in one field": SubmissionSearch(
        keywords=Keywords((read_keyword("dmz-7"),), frozenset({"metaData"}), every=False)
    ),
    "a keyword of none": SubmissionSearch(
        keywords=Keywords((read_keyword("qqzzxxjj"),), frozenset(KEYWORD_FIELDS), every=False)
    ),
    "metadata": SubmissionSearch(
        meta_data=[PathCriterion(path="sensor", value=["dmz-7"])], tlps=["amber", "green"]
    ),
}
CALLERS = ("admin", "most", "one", "mixed")


class Asking(NamedTuple):
    database: Database
    caller: Caller
    listing: Callable[[], SampleListing]

    async def whole(self) -> list[bytes]:
        """The list as a stream, which joins the samples with what is asked for."""
        async with self.database.transaction(read_only=True) as db:
            pieces = [piece async for piece in self.listing().pieces(db, Page(0))]
        return [row.sha256 for piece in pieces for row in piece]

    async def beginning(self, number: int) -> list[bytes]:
        """The first rows of the list as a stream."""
        rows: list[bytes] = []
        async with (
            self.database.transaction(read_only=True) as db,
            aclosing(self.listing().pieces(db, Page(0))) as pieces,
        ):
            async for piece in pieces:
                rows += [row.sha256 for row in piece]
                if len(rows) >= number:
                    break
        return rows[:number]

    async def page(self, page: Page) -> tuple[list[bytes], int]:
        listing = self.listing()
        async with self.database.connection() as db:
            rows = await listing.page(db, page)
            return [row.sha256 for row in rows], (await listing.count(db, LONG)).number

    async def behind_cursors(self, limit: int) -> list[bytes]:
        async with self.database.connection() as db:
            return [row.sha256 for row in await followed(db, self.listing, limit)]


@pytest.fixture(params=CALLERS)
def caller(request: pytest.FixtureRequest, callers: dict[str, Caller]) -> Caller:
    return callers[request.param]


@pytest.fixture
async def db(filled: tuple[Database, Tenants]) -> AsyncIterator[Connection]:
    async with filled[0].connection() as db:
        yield db


@pytest.mark.parametrize("search", SEARCHES)
async def test_a_page_is_the_part_of_the_whole_list(
    filled: tuple[Database, Tenants], caller: Caller, search: str
) -> None:
    asking = Asking(filled[0], caller, lambda: samples_matching(caller, SEARCHES[search], ALWAYS))

    whole = await asking.whole()

    assert await asking.page(Page(25)) == (whole[:25], len(whole))
    assert await asking.page(Page(25, 40)) == (whole[40:65], len(whole))


@pytest.mark.parametrize("direction", ["", "-"])
@pytest.mark.parametrize("sort", SAMPLE_SORTS)
@pytest.mark.parametrize("search", ["everything", "a keyword of a few"])
async def test_a_page_in_any_order_is_the_part_of_the_whole_list(
    filled: tuple[Database, Tenants], caller: Caller, search: str, sort: str, direction: str
) -> None:
    newest = Asking(filled[0], caller, lambda: samples_matching(caller, SEARCHES[search], ALWAYS))
    asking = newest._replace(
        listing=lambda: samples_matching(caller, SEARCHES[search], ALWAYS, [direction + sort])
    )

    beginning = await asking.beginning(35)

    _, number = await newest.page(Page(1))
    assert await asking.page(Page(25, 10)) == (beginning[10:], number)


@pytest.mark.parametrize("sort", [*SAMPLE_SORTS, "-sampleClassificationType", "-lastUpdatedLink"])
async def test_pages_behind_cursors_are_together_the_whole_list(
    filled: tuple[Database, Tenants], caller: Caller, sort: str
) -> None:
    wanted = SEARCHES["a keyword of a few"]
    asking = Asking(filled[0], caller, lambda: samples_matching(caller, wanted, ALWAYS, [sort]))

    pages = await asking.behind_cursors(25)

    assert pages == await asking.whole()


@pytest.mark.parametrize("direction", ["", "-"])
@pytest.mark.parametrize("sort", SUBMISSION_SORTS)
async def test_submissions_behind_cursors_are_together_the_whole_list(
    filled: tuple[Database, Tenants], caller: Caller, sort: str, direction: str
) -> None:
    def listing() -> OrderedListing[Submission]:
        return submissions_matching(caller, SUBMISSIONS["a keyword"], ALWAYS, [direction + sort])

    async with filled[0].transaction(read_only=True) as db:
        whole = [row.id for piece in [p async for p in listing().pieces(db, Page(0))] for row in piece]

    async with filled[0].connection() as db:
        assert [row.id for row in await followed(db, listing, 40)] == whole


@pytest.mark.parametrize("search", ["a keyword of a few", "a verdict", "sub-criteria"])
@pytest.mark.parametrize("ends", [False, True])
async def test_the_window_is_that_of_the_samples(
    filled: tuple[Database, Tenants], caller: Caller, search: str, *, ends: bool
) -> None:
    async with filled[0].connection() as db:
        start, end = await db.fetchval(TIMES)
    window = IndexWindow(start, end if ends else None)
    wanted = SEARCHES.get(search, SampleCriterion())
    asking = Asking(filled[0], caller, lambda: samples_matching(caller, wanted, window))

    whole = await asking.whole()

    assert await asking.page(Page(25)) == (whole[:25], len(whole))


async def test_digests_limit_what_is_found_otherwise(
    filled: tuple[Database, Tenants], caller: Caller
) -> None:
    async with filled[0].connection() as db:
        digests = [row[0] for row in await db.fetch(SOME_SAMPLES)]
    wanted = SampleCriterion(digests={"sha256": digests}, verdicts=[SCORED])
    asking = Asking(filled[0], caller, lambda: samples_matching(caller, wanted, ALWAYS))

    whole = await asking.whole()

    assert set(whole) < set(digests)
    assert await asking.page(Page(25, 5)) == (whole[5:30], len(whole))


async def test_what_was_uploaded_again_is_the_newest(
    filled: tuple[Database, Tenants], callers: dict[str, Caller]
) -> None:
    wanted = SEARCHES["a keyword of many"]
    asking = Asking(filled[0], callers["admin"], lambda: samples_matching(callers["admin"], wanted, ALWAYS))

    found, _ = await asking.page(Page(3))

    async with filled[0].connection() as db:
        created = await db.fetch("SELECT id FROM sample WHERE sha256 = ANY($1)", found)
    assert [row[0] % 500 for row in created] == [7, 7, 7]


@pytest.mark.parametrize("sort", ["-sampleCreatedTimestamp", "sampleSize"])
@pytest.mark.parametrize("search", ["a keyword of many", "metadata, not a score"])
async def test_a_search_for_much_goes_through_the_samples_to_the_same_page(
    filled: tuple[Database, Tenants], caller: Caller, search: str, sort: str
) -> None:
    asking = Asking(filled[0], caller, lambda: samples_matching(caller, SEARCHES[search], ALWAYS, [sort]))
    whole = await asking.whole()
    listing = asking.listing()
    listing.ways = [way._replace(little=-1) for way in listing.ways if isinstance(way, Much)][-1:]

    async with filled[0].connection() as db:
        found = [row.sha256 for row in await listing.page(db, Page(25, 5))]

    assert found == whole[5:30]


@pytest.mark.parametrize("sort", ["-observedTimestamp", "fileName"])
async def test_a_search_for_many_submissions_goes_through_them_to_the_same_page(
    filled: tuple[Database, Tenants], caller: Caller, sort: str
) -> None:
    wanted = SUBMISSIONS["a keyword"]
    async with filled[0].transaction(read_only=True) as reading:
        pieces = submissions_matching(caller, wanted, ALWAYS, [sort]).pieces(reading, Page(0))
        whole = [row.id for piece in [piece async for piece in pieces] for row in piece]
    listing = submissions_matching(caller, wanted, ALWAYS, [sort])
    assert isinstance(listing, SubmissionListing)
    listing.ways = [way._replace(little=-1) for way in listing.ways if isinstance(way, MuchOfSubmissions)][
        -1:
    ]

    async with filled[0].connection() as db:
        found = [row.id for row in await listing.page(db, Page(25, 5))]

    assert found == whole[5:30]


async def test_a_search_for_much_does_not_say_how_much(db: Connection, callers: dict[str, Caller]) -> None:
    listing = samples_matching(callers["admin"], SEARCHES["a keyword of many"], ALWAYS)
    listing.ways = [way._replace(little=-1) for way in listing.ways if isinstance(way, Much)][-1:]
    await listing.page(db, Page(25))

    assert await listing.count(db, LONG) == Count(25, is_exact=False)


async def test_words_that_many_rows_hold_are_known(db: Connection) -> None:
    found = await find_common(db, [read_keyword("invoice_3f09ab.exe"), read_keyword("installer")])

    assert found == {"invoice", "exe"}


async def test_several_times_demanded_at_once_count_each_sample_once(
    filled: tuple[Database, Tenants], caller: Caller
) -> None:
    async with filled[0].connection() as db:
        start, end = await db.fetchval(TIMES)
    times = TimeRange(start, end, ("firstSubmitted", "lastSubmitted", "analysisCreated"), every=True)
    asking = Asking(filled[0], caller, lambda: samples_matching(caller, SampleCriterion(times=times), ALWAYS))

    whole = await asking.whole()

    assert await asking.page(Page(25)) == (whole[:25], len(set(whole)))


@pytest.mark.parametrize("search", SUBMISSIONS)
@pytest.mark.parametrize("sort", [(), ("fileName", "-expiryTimestamp")])
async def test_a_page_of_submissions_is_the_part_of_the_whole_list(
    filled: tuple[Database, Tenants], caller: Caller, search: str, sort: tuple[str, ...]
) -> None:
    async with filled[0].transaction(read_only=True) as db:
        pieces = [
            p
            async for p in submissions_matching(caller, SUBMISSIONS[search], ALWAYS, sort).pieces(db, Page(0))
        ]
    whole = [row.id for piece in pieces for row in piece]
    listing = submissions_matching(caller, SUBMISSIONS[search], ALWAYS, sort)

    async with filled[0].connection() as db:
        page = [row.id for row in await listing.page(db, Page(25, 20))]
        count = (await listing.count(db, LONG)).number

    assert (page, count) == (whole[20:45], len(whole))


async def test_the_page_behind_the_last_row_is_empty_and_counts(
    filled: tuple[Database, Tenants], callers: dict[str, Caller]
) -> None:
    listing = submissions_matching(callers["admin"], SUBMISSIONS["a keyword"], ALWAYS)

    async with filled[0].connection() as db:
        page = await listing.page(db, Page(25, 9000))
        count = (await listing.count(db, LONG)).number

    assert page == []
    assert 0 < count < 9000


async def test_one_sample_that_was_uploaded_again_does_not_make_a_search_look_at_all_samples(
    filled: tuple[Database, Tenants], callers: dict[str, Caller]
) -> None:
    """Samples that were deleted and uploaded again are among the newest, and have old ids."""
    listing = samples_matching(callers["admin"], SEARCHES["a keyword of many"], ALWAYS)
    much, *_ = listing.ways
    assert isinstance(much, Much)
    async with filled[0].transaction() as db:
        before = await rows_read(db, "submission")
        ids = await much._replace(little=10, milliseconds=None).find(db, Page(25))
        read = await rows_read(db, "submission") - before

    assert len(ids or ()) == 25
    assert read < 2000
