"""A search for much is known as a search for much: else all of the matches would be gathered for one page."""

import pytest
from bench.tenants import Tenants

from samplebank.accounts.caller import Caller
from samplebank.database import Database, Page, Sql
from samplebank.database.counting import Count
from samplebank.search.rows import ClassificationCriterion, VerdictCriterion
from samplebank.search.sample_ways import Much
from samplebank.search.samples import SampleCriterion, demands, samples_matching
from samplebank.search.sets import Sets
from samplebank.search.widths import estimate
from samplebank.search.window import IndexWindow, lies_in_window
from search.conftest import SAMPLES

#: how far an estimate may be from the number of matches
FACTOR = 4
REAL = {
    "type": "SELECT count(*) FROM sample s JOIN classification c ON c.id = s.classification_id WHERE c.type = 'pebin'",
    "verdict": "SELECT count(*) FROM sample s JOIN verdict v ON v.id = s.verdict_id WHERE v.score >= 70",
}
ASKED = {
    "type": SampleCriterion(classifications=[ClassificationCriterion(required=True, type=["pebin"])]),
    "verdict": SampleCriterion(verdicts=[VerdictCriterion(required=True, minimum_score=70)]),
}


@pytest.mark.parametrize("kind", ASKED)
async def test_an_estimate_is_near_the_number_of_matches(
    filled: tuple[Database, Tenants], callers: dict[str, Caller], kind: str
) -> None:
    async with filled[0].connection() as db:
        widths = await estimate(db, demands(Sets(callers["admin"]), ASKED[kind]).sets)
        real = await db.fetchval(REAL[kind])

    assert widths is not None
    assert real / FACTOR < widths.matches < real * FACTOR


@pytest.mark.parametrize("part", ["oldest", "newest"])
async def test_a_search_for_much_in_a_window_with_little_is_counted(
    filled: tuple[Database, Tenants], callers: dict[str, Caller], part: str
) -> None:
    async with filled[0].connection() as db:
        bound = await db.fetchval(
            "SELECT created_time FROM sample ORDER BY created_time OFFSET $1 LIMIT 1",
            300 if part == "oldest" else SAMPLES - 300,
        )
        window = IndexWindow(0, bound) if part == "oldest" else IndexWindow(bound)
        wanted = SampleCriterion(verdicts=[VerdictCriterion(required=True, minimum_score=-1)])
        listing = samples_matching(callers["admin"], wanted, window)
        listing.ways = [way._replace(little=2_000) for way in listing.ways if isinstance(way, Much)]

        await listing.page(db, Page(25))
        count = await listing.count(db, 0)

        seen = lies_in_window(callers["admin"], "s", window)
        query = Sql("SELECT count(*) FROM sample s JOIN verdict v ON v.id = s.verdict_id WHERE {}", seen)
        assert count == Count(await query.value(db))
        assert 0 < count.number < 2_000
