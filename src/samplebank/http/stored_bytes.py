"""Budgets of stored bytes: whoever has used up a budget stores nothing new until something is deleted."""

from collections.abc import Iterator

import msgspec

from samplebank.accounts.caller import Caller
from samplebank.assembly import Bank
from samplebank.blobs import Digests
from samplebank.database import Connection
from samplebank.errors import TooMany
from samplebank.http.known_files import known_to
from samplebank.http.payers import CUSTOMER, KEY, USER, Bounds, Payer
from samplebank.samples.catalogue import is_stored
from samplebank.samples.stored_bytes import used
from samplebank.settings import Settings

#: seconds after which a refused file may come again: deletion and the end of retention take their time
COME_AGAIN = 3600
NO_BUDGETS = Bounds()
#: where the operator raises an own budget
OWN = "storedBytes in the tenants file"
USED_UP = (
    "The {size} bytes of the file do not fit into the budget of your {whose}: {used} of {most} stored bytes are used. "
    "Delete samples, or ask the operator for more ({setting})."
)


class Budget(msgspec.Struct, frozen=True):
    """The budget of a `key`, `user` or `customer`: `used` of `most` stored bytes. `setting` is what the operator may raise."""

    whose: str
    used: int
    most: int
    setting: str


async def budgets_of(bank: Bank, caller: Caller) -> list[Budget]:
    """The budgets that are set for the caller's key, user and customer. Without budgets, nothing is read."""
    most = _most(bank.settings, caller)
    if most == NO_BUDGETS:
        return []
    async with bank.database.connection() as db:
        return await _budgets(db, most, caller)


async def refuse_excess(bank: Bank, caller: Caller, digests: Digests) -> None:
    """Raise `TooMany` for new bytes beyond a budget of the caller's key, user or customer. Known bytes are free.

    Files that come at once do not see each other, so a budget may be exceeded by the files under way.
    """
    most = _most(bank.settings, caller)
    if most == NO_BUDGETS:
        return
    async with bank.database.connection() as db:
        reached = list(_reached(await _budgets(db, most, caller), digests.size))
        if reached and not await is_stored(db, digests.sha256, known_to(caller, bank.settings)):
            message = USED_UP.format(size=digests.size, **msgspec.structs.asdict(reached[0]))
            raise TooMany(message, wait=COME_AGAIN)


def _most(settings: Settings, caller: Caller) -> Bounds:
    """The bytes that each may have stored; 0 for no budget. A session that began without a key has no budget of a key."""
    own = _own(caller)
    return Bounds(
        key=0 if caller.key_id is None else settings.stored_bytes_per_key,
        user=own[USER] or settings.stored_bytes_per_user,
        customer=own[CUSTOMER] or settings.stored_bytes_per_customer,
    )


def _own(caller: Caller) -> dict[Payer, int | None]:
    """The own budgets by the tenants file."""
    return {USER: caller.user.stored_bytes, CUSTOMER: caller.user.customer.stored_bytes}


async def _budgets(db: Connection, most: Bounds, caller: Caller) -> list[Budget]:
    user = caller.user
    have = await used(db, key_id=caller.key_id, user_id=user.id, customer_id=user.customer.id)
    amounts = {KEY: have.by_key, USER: have.by_user, CUSTOMER: have.by_customer}
    own = _own(caller)
    return [
        Budget(payer.name, amounts[payer], bound, OWN if own.get(payer) else payer.setting("STORED_BYTES"))
        for payer, bound in most.each()
    ]


def _reached(budgets: list[Budget], size: int) -> Iterator[Budget]:
    """The budgets that have no room for so many bytes."""
    return (budget for budget in budgets if budget.used + size > budget.most)
