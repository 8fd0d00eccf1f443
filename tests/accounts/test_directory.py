"""The copy of the accounts in memory: whole at every moment, also while the accounts change."""

import asyncio

from kit.locks import session_behind
from samplebank.accounts import customers, upkeep
from samplebank.accounts.directory import Directory
from samplebank.accounts.tenants import CustomerEntry
from samplebank.database import Database


async def test_a_user_may_come_with_a_new_customer_while_the_accounts_are_read(accounts: Database) -> None:
    directory = Directory(accounts)
    async with accounts.transaction() as db:
        # the reader has read the customers, and waits for the users
        await db.execute("LOCK TABLE subject IN ACCESS EXCLUSIVE MODE")
        await customers.put(db, CustomerEntry("island", "The Island", "default"))
        await upkeep.put(db, "user", "ida", name="Ida", customer="island")
        reading = asyncio.create_task(directory.refresh())
        await session_behind(accounts, db)
    await reading

    await directory.refresh(at_once=True)

    found = directory.find_subject("ida")
    assert found is not None
    assert found.customer.short_name == "island"
