"""Budgets of stored bytes: whoever has used up a budget stores nothing new until something is deleted."""

from collections.abc import Iterator

import msgspec

from samplebank.accounts.caller import Caller
from samplebank.assembly import Bank
from samplebank.blobs import Digests
from samplebank.database import Connection
from samplebank.errors import TooMany
from samplebank.samples.catalogue import is_stored
from samplebank.samples.stored_bytes import used
from samplebank.settings import PREFIX, Settings

#: seconds after which a refused file may come again: deletion and the end of retention take their time
COME_AGAIN = 3600
USED_UP = (
    "The {size} bytes of the file do not fit into the budget of your {whose}: {used} of {most} stored bytes are used. "
    "Delete samples, or ask the operator for more ({setting})."
)


class Budget(msgspec.Struct, frozen=True):
    """The budget of a `user` or `customer`: `used` of `most` stored bytes."""

    whose: str
    used: int
    most: int


async def budgets_of(bank: Bank, caller: Caller) -> list[Budget]:
    """The budgets that are set for the caller's user and customer. Without budgets, nothing is read."""
    if not any(_most(bank.settings).values()):
        return []
    async with bank.database.connection() as db:
        return await _budgets(db, bank.settings, caller)


async def refuse_excess(bank: Bank, caller: Caller, digests: Digests) -> None:
    """Raise `TooMany` for new bytes beyond a budget of the caller's user or customer. Bytes that are there already are free.

    Files that come at once do not see each other, so a budget may be exceeded by the files under way.
    """
    if not any(_most(bank.settings).values()):
        return
    async with bank.database.connection() as db:
        reached = list(_reached(await _budgets(db, bank.settings, caller), digests.size))
        if reached and not await is_stored(db, digests.sha256):
            budget = reached[0]
            setting = f"{PREFIX}STORED_BYTES_PER_{budget.whose.upper()}"
            message = USED_UP.format(size=digests.size, setting=setting, **msgspec.structs.asdict(budget))
            raise TooMany(message, wait=COME_AGAIN)


def _most(settings: Settings) -> dict[str, int]:
    """The bytes that each may have stored; 0 for no budget."""
    return {"user": settings.stored_bytes_per_user, "customer": settings.stored_bytes_per_customer}


async def _budgets(db: Connection, settings: Settings, caller: Caller) -> list[Budget]:
    user = caller.user
    have = await used(db, user_id=user.id, customer_id=user.customer.id)
    amounts = {"user": have.by_user, "customer": have.by_customer}
    return [Budget(whose, amounts[whose], most) for whose, most in _most(settings).items() if most]


def _reached(budgets: list[Budget], size: int) -> Iterator[Budget]:
    """The budgets that have no room for so many bytes."""
    return (budget for budget in budgets if budget.used + size > budget.most)
