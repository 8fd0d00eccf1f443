"""Own budgets of stored bytes: customers and users have these by the tenants file, in place of the settings.

Only a tenants file gives and takes own budgets. The API and the pages leave own budgets as they are.
"""

from collections.abc import Iterable

from samplebank.accounts.tenants import CustomerEntry, Tenants, UserEntry
from samplebank.database import Connection, Statement

PUT_CUSTOMER = Statement("UPDATE customer SET stored_bytes = :most::bigint WHERE short_name = :short_name")
PUT_USER = Statement("""
    UPDATE subject SET stored_bytes = :most::bigint WHERE short_name = :short_name AND kind = 'user'
""")
EXIST = Statement("""
    SELECT EXISTS (SELECT FROM customer WHERE stored_bytes IS NOT NULL)
        OR EXISTS (SELECT FROM subject WHERE stored_bytes IS NOT NULL)
""")


async def put(db: Connection, tenants: Tenants) -> None:
    """Give the customers and users of the file their own budgets. An entry without `storedBytes` takes the budget away."""
    await _put(db, PUT_CUSTOMER, tenants.customer)
    await _put(db, PUT_USER, tenants.user)


async def _put(
    db: Connection, statement: Statement, entries: Iterable[CustomerEntry] | Iterable[UserEntry]
) -> None:
    for entry in entries:
        await statement.run(db, short_name=entry.short_name, most=entry.stored_bytes)


async def exist(db: Connection) -> bool:
    """Whether any customer or user has an own budget."""
    found: bool = await EXIST.value(db)
    return found
