"""Orders in which very many rows stand together: of one sample, or of one word."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from bench.tenants import Tenants

from samplebank.accounts.caller import Caller
from samplebank.database import Connection, Database, Page
from samplebank.search.keywords import Keywords, read_keyword
from samplebank.search.latest_rows import ByLatestRow
from samplebank.search.sample_listing import SampleListing
from samplebank.search.samples import SampleCriterion, samples_matching
from samplebank.search.submission_ways import Much
from samplebank.search.submissions import (
    KEYWORD_FIELDS,
    SubmissionListing,
    SubmissionSearch,
    submissions_matching,
)
from samplebank.search.window import IndexWindow
from search.conftest import NOW, rows_read

ALWAYS = IndexWindow(0)
LINKS = 3_000
#: two links of each of some samples, the first for everybody and the second for the customer alone
TWO_OF_SOME = """
    INSERT INTO link (id, sample_id, reference, type, customer_id, user_id, tlp, acl, readers, agent_name, agent_version, created_time)
    SELECT gen_random_uuid(), u.sample_id, '\\x00', 'child', u.customer_id, u.user_id, 'amber', '{}',
           CASE WHEN n = 1 THEN '{0}' ELSE u.readers END, 'tests', '1', $1::bigint + u.sample_id / 3 * 1000 + n * 600000
      FROM (SELECT DISTINCT ON (sample_id) * FROM submission WHERE sample_id % 30 = 1) u, generate_series(1, 2) n
"""
MANY_OF_ONE = """
    INSERT INTO link (id, sample_id, reference, type, customer_id, user_id, tlp, acl, readers, agent_name, agent_version, created_time)
    SELECT gen_random_uuid(), u.sample_id, '\\x00', 'child', u.customer_id, u.user_id, 'clear', '{}', '{0}', 'tests', '1', $1::bigint + n
      FROM (SELECT * FROM submission WHERE sample_id = 3002 LIMIT 1) u, generate_series(1, $2::int) n
"""
#: how long after the first link of the others
PLACES = {"before the others": -100_000, "among the others": 2_500_000, "behind the others": 90_000_000}


@pytest.fixture
async def db(filled: tuple[Database, Tenants]) -> AsyncIterator[Connection]:
    """A transaction that is undone."""
    async with filled[0].connection() as db:
        undone = db.transaction()
        await undone.start()
        try:
            yield db
        finally:
            await undone.rollback()


async def link(db: Connection, place: str) -> None:
    """Links of 466 samples, the second after those of sixty others, and very many links of a further sample."""
    await db.execute(TWO_OF_SOME, NOW)
    await db.execute(MANY_OF_ONE, NOW + PLACES[place], LINKS)
    await db.execute("ANALYZE link")


async def beginning(db: Connection, listing: SampleListing, number: int) -> list[bytes]:
    """The first rows of the list as a stream, which looks at all samples."""
    async with db.transaction():
        return [row.sha256 for piece in [p async for p in listing.pieces(db, Page(number))] for row in piece]


@pytest.mark.parametrize("who", ["admin", "one"])
@pytest.mark.parametrize("sort", ["lastUpdatedLink", "-lastUpdatedLink"])
@pytest.mark.parametrize("place", PLACES)
async def test_samples_by_their_last_links_are_in_order_however_many_links_one_has(
    db: Connection, callers: dict[str, Caller], place: str, sort: str, who: str
) -> None:
    await link(db, place)

    def listing() -> SampleListing:
        return samples_matching(callers[who], SampleCriterion(), ALWAYS, [sort])

    found: list[Any] = []
    after = None
    for _ in range(8):
        rows, after = await listing().page_with_place(db, Page(25, after=after))
        found += rows
    second = await listing().page(db, Page(25, 20))

    whole = await beginning(db, listing(), 200)
    assert [row.sha256 for row in found] == whole
    assert [row.sha256 for row in second] == whole[20:45]


@pytest.mark.parametrize("sort", ["lastUpdatedLink", "-lastUpdatedLink"])
@pytest.mark.parametrize("place", PLACES)
async def test_links_of_a_sample_are_passed_over_without_a_look_for_later_links(
    db: Connection, callers: dict[str, Caller], place: str, sort: str
) -> None:
    await link(db, place)
    by_row, *_ = samples_matching(callers["admin"], SampleCriterion(), ALWAYS, [sort]).ways
    assert isinstance(by_row, ByLatestRow)
    before = await rows_read(db, "link")

    ids = await by_row.find(db, Page(25))

    assert len(ids or ()) == 25
    assert await rows_read(db, "link") - before <= LINKS + 1_000


@pytest.mark.parametrize(("offset", "most"), [(0, 1_000), (5, 6_500)])
@pytest.mark.parametrize("sort", ["fileName", "-fileName"])
async def test_submissions_of_one_word_by_name_are_gathered_where_they_stand_together(
    db: Connection, callers: dict[str, Caller], sort: str, offset: int, most: int
) -> None:
    word = Keywords((read_keyword("faktura"),), frozenset(KEYWORD_FIELDS), every=False)
    listing = submissions_matching(callers["admin"], SubmissionSearch(keywords=word), ALWAYS, [sort])
    assert isinstance(listing, SubmissionListing)
    listing.ways = [way._replace(little=10) if isinstance(way, Much) else way for way in listing.ways]
    before = await rows_read(db, "submission")

    page = await listing.page(db, Page(25, offset))

    read = await rows_read(db, "submission") - before
    pieces = [piece async for piece in listing.pieces(db, Page(0))]
    assert page == [row for piece in pieces for row in piece][offset : offset + 25]
    assert read <= most
