"""Customers: listed, made, changed, and removed once nothing belongs to a customer any more.

The row of a removed customer stays, because the ledger and rows of others name the customer. A tenants file or a request that
names the customer again brings the customer back, without grants.
"""

from typing import Final

import msgspec

from samplebank.accounts import provisioning
from samplebank.accounts.caller import of_uploader
from samplebank.accounts.tenants import CustomerEntry, number_mistake
from samplebank.database import TRUE, Columns, Connection, Page, Sql, Statement
from samplebank.database.listing import Listing
from samplebank.errors import Conflict, NotFound, Violations
from samplebank.timespec import Millis

#: rows of a kind that are counted before a customer is told to have more
MOST: Final = 10_000


class CustomerRow(msgspec.Struct, frozen=True):
    """A customer, with domain and parent by name."""

    short_name: str
    name: str
    domain: str
    parent: str | None
    removed_time: Millis | None


CUSTOMER = Columns.of(CustomerRow, "c", domain="d.name", parent="p.short_name")
CUSTOMERS: Final = "customer c JOIN domain d ON d.id = c.domain_id LEFT JOIN customer p ON p.id = c.parent_id"
FIND = Statement("SELECT id FROM customer WHERE short_name = :short_name AND removed_time IS NULL FOR UPDATE")
HAS_DOMAIN = Statement("SELECT EXISTS (SELECT FROM domain WHERE name = :name)")
#: what keeps a customer: a word for one, for several, and the rows
KEPT_BY: Final = {
    ("user or group", "users and groups"): "subject WHERE customer_id = :id AND removed_time IS NULL",
    ("customer below", "customers below"): "customer WHERE parent_id = :id AND removed_time IS NULL",
    ("submission", "submissions"): "submission WHERE customer_id = :id",
    ("uploaded sample", "uploaded samples"): "sample_reader WHERE reader = :uploader",
    ("job", "jobs"): "job WHERE customer_id = :id",
    ("analysis", "analyses"): "analysis WHERE customer_id = :id",
    ("link", "links"): "link WHERE customer_id = :id",
    ("note", "notes"): "sample_note WHERE customer_id = :id",
    ("hunt", "hunts"): "hunt WHERE customer_id = :id",
    ("rule for signing in", "rules for signing in"): "sign_in_rule WHERE customer_id = :id",
}
COUNT = Statement(
    "SELECT "
    + ", ".join(
        f"(SELECT count(*) FROM (SELECT FROM {rows} LIMIT {MOST + 1}) t)" for rows in KEPT_BY.values()
    )
)
REMOVE = Statement("UPDATE customer SET removed_time = :now, stored_bytes = NULL WHERE id = :id")
END_GRANTS = Statement("DELETE FROM access_grant WHERE customer_id = :id")


def customers_matching(short_name: str | None = None) -> Listing[CustomerRow]:
    """Customers by short name, removed ones as well."""
    where = TRUE if short_name is None else Sql("c.short_name = {}", short_name)
    return Listing(CUSTOMER, CUSTOMERS, where, "ORDER BY c.short_name")


async def find(db: Connection, short_name: str) -> CustomerRow | None:
    found = await customers_matching(short_name).page(db, Page(1))
    return found[0] if found else None


async def put(db: Connection, entry: CustomerEntry) -> None:
    """Make a customer, or change the customer of the short name.

    Raises `Invalid` for domain and parent, and for a new customer whose short name is a number.
    """
    await provisioning.lock(db)
    violations = Violations()
    if entry.short_name.isdigit() and await FIND.value(db, short_name=entry.short_name) is None:
        violations.add("shortName", f"The {number_mistake(entry.short_name)}")
    if not await HAS_DOMAIN.value(db, name=entry.domain):
        violations.add("domain", f"There is no domain {entry.domain!r}: domains come by a tenants file.")
    if entry.parent is not None and await FIND.value(db, short_name=entry.parent) is None:
        violations.add("parent", f"There is no customer {entry.parent!r}.")
    violations.raise_if_any()
    await provisioning.put_customer(db, entry)
    await provisioning.tell_change(db)


async def remove(db: Connection, short_name: str, *, now: Millis) -> int:
    """Remove a customer to whom nothing belongs; answers the number of grants that end.

    Raises `NotFound`, and `Conflict` with what still belongs to the customer. What a request under way stores at the same
    moment stays, for callers who see every customer.
    """
    await provisioning.lock(db)
    id_: int | None = await FIND.value(db, short_name=short_name)
    if id_ is None:
        raise NotFound(f"There is no customer {short_name!r}.")
    counts = await COUNT.row(db, id=id_, uploader=of_uploader(id_))
    left = [_told(words, count) for words, count in zip(KEPT_BY, counts, strict=True) if count]
    if left:
        raise Conflict(
            f"The customer {short_name} still has {', '.join(left)}: delete, remove or move these first."
        )
    ended = await END_GRANTS.count(db, id=id_)
    await REMOVE.run(db, id=id_, now=now)
    await provisioning.tell_change(db)
    return ended


def _told(words: tuple[str, str], count: int) -> str:
    if count > MOST:
        return f"more than {MOST:,} {words[1]}"
    return f"{count:,} {words[count > 1]}"
