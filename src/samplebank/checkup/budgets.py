"""Whether keys, users or customers have nearly used up a budget of stored bytes."""

from samplebank.accounts import own_budgets
from samplebank.assembly import Bank
from samplebank.checkup.model import Finding, advice, good
from samplebank.samples.stored_bytes import nearly_full

SUBJECT = "budgets"
REMEDY = (
    "Further files of them will be refused with 429: let them delete samples, or raise SAMPLEBANK_STORED_BYTES_PER_KEY, "
    "SAMPLEBANK_STORED_BYTES_PER_USER, SAMPLEBANK_STORED_BYTES_PER_CUSTOMER, or storedBytes in the tenants file."
)
#: the keys, users and customers that are named, the fullest first
MOST = 20


async def examine_budgets(bank: Bank, *, is_full: bool) -> list[Finding]:  # noqa: ARG001 -- as all checks
    settings = bank.settings
    most = {
        "of_key": settings.stored_bytes_per_key,
        "of_user": settings.stored_bytes_per_user,
        "of_customer": settings.stored_bytes_per_customer,
    }
    async with bank.database.connection() as db:
        if not any(most.values()) and not await own_budgets.exist(db):
            return [good(SUBJECT, "Stored bytes have no budget.")]
        named, number = await nearly_full(db, **most, most=MOST)
    if named:
        more = f", and {number - MOST} more" if number > MOST else ""
        return [advice(SUBJECT, f"90 % of the stored bytes are used up by {', '.join(named)}{more}.", REMEDY)]
    return [good(SUBJECT, "Nobody has used up 90 % of the stored bytes.")]
