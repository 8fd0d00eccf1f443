"""Whether the tallies are what counting gives."""

from typing import Final

from samplebank.assembly import Bank
from samplebank.checkup.model import Finding, fault, good
from samplebank.database import Connection
from samplebank.database.tally import TallyByTime
from samplebank.jobs.tally import TALLY, TOTAL, recount
from samplebank.samples.stored_bytes import STORED, StoredBytes
from samplebank.samples.tally import LISTED, SAMPLES
from samplebank.submissions.tally import SHOWN, SUBMISSIONS

#: rows up to which tables are counted where not everything is looked at
MOST = 2_000_000
ROWS = "SELECT max(reltuples)::bigint FROM pg_class WHERE oid IN ('sample'::regclass, 'submission'::regclass, 'job'::regclass)"
JOBS = f"""
    SELECT (SELECT count(*) FROM (
                SELECT FROM (SELECT customer_id, state, n FROM {TALLY}
                              UNION ALL SELECT customer_id, state, -count(*) FROM job GROUP BY 1, 2) one
                 GROUP BY customer_id, state HAVING sum(n) <> 0) wrong)
         + (SELECT count(*) FROM (
                SELECT FROM (SELECT state, n FROM {TOTAL}
                              UNION ALL SELECT state, -count(*) FROM job GROUP BY 1) one
                 GROUP BY state HAVING sum(n) <> 0) wrong)
"""
SUBJECT = "tallies"
REMEDY = (
    "Lists tell wrong numbers, and nothing else is wrong: `samplebank doctor --repair` counts anew. Please report this, too, "
    "with the output of this command."
)
TALLIES: Final[dict[str, TallyByTime | StoredBytes]] = {
    "samples": SAMPLES,
    "samples by reader": LISTED,
    "stored bytes": STORED,
    "submissions": SUBMISSIONS,
    "submissions by reader": SHOWN,
}


async def examine_tallies(bank: Bank, *, is_full: bool) -> list[Finding]:
    async with bank.database.transaction(read_only=True) as db:
        rows = await db.fetchval(ROWS)
        if rows > MOST and not is_full:
            return [good(SUBJECT, f"With {rows:,} rows, the tallies are compared with --full only.")]
        wrong = {name: number for name, number in (await _disagreements(db)).items() if number}
    if wrong:
        told = ", ".join(f"{number} of {name}" for name, number in wrong.items())
        return [fault(SUBJECT, f"Figures differ from what counting gives: {told}.", REMEDY)]
    return [good(SUBJECT, "The numbers of samples, submissions and jobs are what counting gives.")]


async def recount_tallies(bank: Bank) -> None:
    """Count all tallies anew. Uploads, submissions and jobs wait meanwhile: some seconds for a million rows."""
    for tally in TALLIES.values():
        async with bank.database.transaction() as db:
            await tally.recount(db)
    async with bank.database.transaction() as db:
        await recount(db)


async def _disagreements(db: Connection) -> dict[str, int]:
    found = {name: await tally.disagreements(db) for name, tally in TALLIES.items()}
    return found | {"jobs": await db.fetchval(JOBS)}
