"""Whether users or customers have nearly used up a budget of stored bytes."""

from samplebank.assembly import Bank
from samplebank.checkup.model import Finding, advice, good
from samplebank.samples.stored_bytes import nearly_full

SUBJECT = "budgets"
REMEDY = (
    "Further files of them will be refused with 429: let them delete samples, or raise SAMPLEBANK_STORED_BYTES_PER_USER or "
    "SAMPLEBANK_STORED_BYTES_PER_CUSTOMER."
)
#: users and customers who are named
MOST = 20


async def examine_budgets(bank: Bank, *, is_full: bool) -> list[Finding]:  # noqa: ARG001 -- as all checks
    settings = bank.settings
    of_user, of_customer = settings.stored_bytes_per_user, settings.stored_bytes_per_customer
    if not (of_user or of_customer):
        return [good(SUBJECT, "Stored bytes have no budget.")]
    async with bank.database.connection() as db:
        found = await nearly_full(db, of_user=of_user, of_customer=of_customer, most=MOST)
    if found:
        return [advice(SUBJECT, f"90 % of the stored bytes are used up by {', '.join(found)}.", REMEDY)]
    return [good(SUBJECT, "Nobody has used up 90 % of the stored bytes.")]
