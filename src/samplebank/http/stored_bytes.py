"""Budgets of stored bytes: whoever has used up a budget stores nothing new until something is deleted."""

from samplebank.accounts.caller import Caller
from samplebank.assembly import Bank
from samplebank.blobs import Digests
from samplebank.errors import TooMany
from samplebank.samples.catalogue import is_stored
from samplebank.samples.stored_bytes import used

#: seconds after which a refused file may come again: deletion and the end of retention take their time
COME_AGAIN = 3600
USED_UP = (
    "The {size} bytes of the file do not fit into the budget of {whose}: {used} of {most} stored bytes are used. "
    "Delete samples, or ask the operator for more ({setting})."
)


async def refuse_excess(bank: Bank, caller: Caller, digests: Digests) -> None:
    """Raise `TooMany` for new bytes beyond a budget of the caller's user or customer. Bytes that are there already are free.

    Files that come at once do not see each other, so a budget may be exceeded by the files under way.
    """
    per_user, per_customer = bank.settings.stored_bytes_per_user, bank.settings.stored_bytes_per_customer
    if not (per_user or per_customer):
        return
    user = caller.user
    async with bank.database.connection() as db:
        have = await used(db, user_id=user.id, customer_id=user.customer.id)
        budgets = (
            ("your user", per_user, have.by_user, "SAMPLEBANK_STORED_BYTES_PER_USER"),
            ("your customer", per_customer, have.by_customer, "SAMPLEBANK_STORED_BYTES_PER_CUSTOMER"),
        )
        for whose, most, bytes_, setting in budgets:
            if most and bytes_ + digests.size > most and not await is_stored(db, digests.sha256):
                message = USED_UP.format(
                    size=digests.size, whose=whose, used=bytes_, most=most, setting=setting
                )
                raise TooMany(message, wait=COME_AGAIN)
