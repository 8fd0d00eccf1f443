"""A search for much is known as a search for much: else all of the matches would be gathered for one page."""

import pytest
from bench.tenants import Tenants

from samplebank.accounts.caller import Caller
from samplebank.database import Database
from samplebank.search.rows import ClassificationCriterion, VerdictCriterion
from samplebank.search.samples import SampleCriterion, demands
from samplebank.search.sets import Sets
from samplebank.search.widths import estimate

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
