"""The ledger: its weeks reach ahead, and no entry lies beside the weeks."""

from samplebank.assembly import Bank
from samplebank.audit.weeks import WEEK, reach
from samplebank.checkup.ground import NO_HOUSEKEEPER
from samplebank.checkup.model import Finding, advice, good
from samplebank.timespec import iso

BESIDE = (
    "A clock was wrong, or no housekeeper worked for long: look at both. Nothing is lost. The entries go together, when the newest of them "
    "is too old."
)


async def examine_ledger(bank: Bank, *, is_full: bool) -> list[Finding]:  # noqa: ARG001 -- as all checks
    async with bank.database.connection() as db:
        known = await reach(db)
    found = []
    if known.end < bank.clock() + WEEK:
        said = f"The weeks of the ledger end at {iso(known.end)}; later entries would lie beside the weeks."
        found.append(advice("ledger", said, NO_HOUSEKEEPER))
    if known.others:
        said = f"{known.others:,} entries of the ledger lie beside its weeks."
        found.append(advice("ledger", said, BESIDE))
    return found or [good("ledger", f"The weeks of the ledger are made until {iso(known.end)}.")]
