"""The accounts of a new installation: a domain, a customer, an administrator, the user of the built-in workers."""

from samplebank.accounts import provisioning
from samplebank.accounts.model import ADMINISTRATOR
from samplebank.accounts.tenants import (
    EVERY_CUSTOMER,
    CustomerEntry,
    DomainEntry,
    GrantEntry,
    Tenants,
    UserEntry,
)
from samplebank.database import Connection
from samplebank.timespec import Millis

ADMIN = "admin"
WORKERS = "samplebank-workers"
FIRST_TENANTS = Tenants(
    domain=[DomainEntry("default")],
    customer=[CustomerEntry("default", "Default", "default")],
    user=[UserEntry(ADMIN, "default", "Administrator"), UserEntry(WORKERS, "default", "Built-in workers")],
    grant=[
        GrantEntry(ADMIN, ADMINISTRATOR, EVERY_CUSTOMER),
        GrantEntry(WORKERS, "SAMPLEDB-WORKER", EVERY_CUSTOMER),
    ],
)


async def provision_first(db: Connection, *, now: Millis) -> bool:
    """Fill a new database: a domain, a customer, an administrator, the user of the built-in workers.

    Whether the database was new.
    """
    is_new = not await db.fetchval("SELECT EXISTS (SELECT FROM subject WHERE short_name = $1)", ADMIN)
    if is_new:
        await provisioning.apply(db, FIRST_TENANTS, "the first accounts", now=now)
    return is_new
