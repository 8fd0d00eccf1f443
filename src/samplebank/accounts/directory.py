"""A copy of the accounts in memory, so that lists need no joins. The copy is read again when the accounts change."""

import time
from collections.abc import Iterable

from samplebank.accounts.model import Customer, Domain, Subject
from samplebank.database import Connection, Database

#: how long, in seconds, a change made by another process may go unnoticed
STALE = 1.0
VERSION = "SELECT version FROM accounts_version"
CUSTOMERS = """
    SELECT c.id, c.short_name, c.name, c.parent_id, c.stored_bytes, d.id, d.name, c.removed_time IS NULL
      FROM customer c JOIN domain d ON d.id = c.domain_id ORDER BY c.id
"""
SUBJECTS = "SELECT id, kind, short_name, name, customer_id, stored_bytes FROM subject ORDER BY id"


class Unknown(LookupError):
    """An account that the copy does not know yet: `refresh` helps."""


class Directory:
    """Customers and subjects by id and by short name."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._version = -1
        self._checked = -STALE
        self._customers: dict[int, Customer] = {}
        self._subjects: dict[int, Subject] = {}
        self.customer_ids: frozenset[int] = frozenset()
        self._customer_names: dict[str, Customer] = {}
        self._subject_names: dict[str, Subject] = {}
        self._below: dict[int, list[int]] = {}

    @property
    def version(self) -> int:
        """The version of the accounts. Changes whenever the accounts change."""
        return self._version

    async def refresh(self, *, at_once: bool = False) -> None:
        """Notice changes: at most once in `STALE` seconds, unless `at_once`."""
        now = time.monotonic()
        if now - self._checked < STALE and not at_once:
            return
        async with self._database.connection() as db:
            if await db.fetchval(VERSION) != self._version:
                # A user who comes with a new customer between two statements would be without a customer.
                async with db.transaction(isolation="repeatable_read", readonly=True):
                    version = await db.fetchval(VERSION)
                    await self._read(db)
                self._version = version
        self._checked = now

    async def _read(self, db: Connection) -> None:
        domains: dict[int, Domain] = {}
        customers = {}
        below: dict[int, list[int]] = {}
        present: dict[str, Customer] = {}
        for row in await db.fetch(CUSTOMERS):
            id_, short_name, name, parent, stored_bytes, domain_id, domain_name, is_present = row
            domain = domains.setdefault(domain_id, Domain(domain_id, domain_name))
            customers[id_] = Customer(id_, short_name, name, domain, parent, stored_bytes)
            if is_present:
                present[short_name] = customers[id_]
            if parent is not None:
                below.setdefault(parent, []).append(id_)
        subjects = {
            id_: Subject(id_, kind, short_name, name, customers[customer], stored_bytes)
            for id_, kind, short_name, name, customer, stored_bytes in await db.fetch(SUBJECTS)
        }
        self._customers, self._subjects, self._below = customers, subjects, below
        self.customer_ids = frozenset(customers)
        self._customer_names = present
        self._subject_names = {subject.short_name: subject for subject in subjects.values()}

    @property
    def customers(self) -> Iterable[Customer]:
        return self._customers.values()

    def customer(self, id_: int) -> Customer:
        """Get a customer. Raises `Unknown` when the customer is newer than the copy."""
        try:
            return self._customers[id_]
        except KeyError:
            raise Unknown(id_) from None

    def subject(self, id_: int) -> Subject:
        """Get a user or group. Raises `Unknown` when the subject is newer than the copy."""
        try:
            return self._subjects[id_]
        except KeyError:
            raise Unknown(id_) from None

    def find_customer(self, reference: str | int) -> Customer | None:
        """Find a customer by short name, or by id (a number, also as a string). A number is never a name.

        A removed customer is not found.
        """
        if _is_number(reference):
            found = self._customers.get(_number(reference))
            return None if found is None else self._customer_names.get(found.short_name)
        return self._customer_names.get(str(reference))

    def find_subject(self, reference: str | int) -> Subject | None:
        """Find a user or group by short name or id. A number is never a name."""
        if _is_number(reference):
            return self._subjects.get(_number(reference))
        return self._subject_names.get(str(reference))

    def is_within(self, id_: int, other: int) -> bool:
        """Whether a customer is `other`, or below `other` in the tree. A customer newer than the copy is not."""
        at: int | None = id_
        while at is not None and at != other:
            found = self._customers.get(at)
            at = None if found is None else found.parent_id
        return at == other

    def with_all_below(self, ids: Iterable[int]) -> frozenset[int]:
        """The customers of `ids`, and all customers below in the tree."""
        found: set[int] = set()
        waiting = list(ids)
        while waiting:
            id_ = waiting.pop()
            if id_ not in found:
                found.add(id_)
                waiting.extend(self._below.get(id_, ()))
        return frozenset(found)


def _is_number(reference: str | int) -> bool:
    text = str(reference)
    return text.isascii() and text.isdigit() and len(text) < 19  # noqa: PLR2004 what a bigint holds


def _number(reference: str | int) -> int:
    return int(reference)
