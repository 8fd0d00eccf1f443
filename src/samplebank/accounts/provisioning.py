"""Brings the accounts to the state in a tenants file. Accounts that the file does not name stay unchanged.

With a mistake anywhere, nothing is changed. The error names file, entry and reason.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from samplebank.accounts import own_budgets, weights
from samplebank.accounts.keys import issue
from samplebank.accounts.model import ROLES
from samplebank.accounts.tenants import (
    EVERY_CUSTOMER,
    CustomerEntry,
    DomainEntry,
    GrantEntry,
    GroupEntry,
    SignInEntry,
    Tenants,
    UserEntry,
)
from samplebank.database import Connection, Statement
from samplebank.errors import Invalid, Violation, Violations
from samplebank.timespec import Millis

LOCK = 0x5A4B_0002
PUT_SUBJECT = Statement("""
    INSERT INTO subject (kind, short_name, name, customer_id) VALUES (:kind, :short_name, :name, :customer_id)
    ON CONFLICT (short_name) DO UPDATE SET name = excluded.name, customer_id = excluded.customer_id, removed_time = NULL
     WHERE subject.kind = excluded.kind RETURNING id
""")
PUT_CUSTOMER = Statement("""
    INSERT INTO customer (short_name, name, domain_id) VALUES (:short_name, :name, :domain_id)
    ON CONFLICT (short_name) DO UPDATE SET name = excluded.name, domain_id = excluded.domain_id, removed_time = NULL
""")
#: the customers that an entry may name
CUSTOMERS = "customer WHERE removed_time IS NULL"
FIND_CUSTOMER = Statement(f"SELECT id FROM {CUSTOMERS} AND short_name = :short_name")
KEYLESS = """
    SELECT s.id FROM subject s
     WHERE s.short_name = $1 AND s.kind = 'user' AND NOT EXISTS (
        SELECT FROM api_key k
         WHERE k.user_id = s.id AND k.revoked_time IS NULL AND (k.expiry_time IS NULL OR k.expiry_time > $2))
"""
FIND_USER = """
    SELECT id FROM subject WHERE short_name = $1 AND kind = 'user' AND removed_time IS NULL FOR SHARE
"""
LEAVE_UNNAMED = """
    DELETE FROM group_member WHERE group_id = $1 AND user_id <> ALL($2) AND NOT (
        group_id IN (SELECT group_id FROM sign_in_rule) AND user_id IN (SELECT user_id FROM sign_in_identity))
"""
LEAVE_UNRULED = """
    DELETE FROM group_member WHERE user_id IN (SELECT user_id FROM sign_in_identity)
       AND group_id IN (SELECT group_id FROM sign_in_rule) AND group_id <> ALL($1)
"""
LOOPS = """
    WITH RECURSIVE above(start, id) AS (
        SELECT id, parent_id FROM customer WHERE parent_id IS NOT NULL
        UNION SELECT a.start, c.parent_id FROM above a JOIN customer c ON c.id = a.id WHERE c.parent_id IS NOT NULL
    )
    SELECT c.short_name FROM above a JOIN customer c ON c.id = a.start WHERE a.id = a.start ORDER BY 1
"""
DOMAIN_BREAKS = """
    SELECT c.short_name FROM customer c JOIN customer p ON p.id = c.parent_id
     WHERE c.domain_id <> p.domain_id ORDER BY 1
"""
#: what can be wrong with the tree of customers: the field at fault, the customers, and a reason behind "is" or "would be"
MISTAKES: Final = (
    ("parent", LOOPS, "among its own parents."),
    ("domain", DOMAIN_BREAKS, "in another domain than its parent."),
)


async def lock(db: Connection) -> None:
    """Let nobody else change the accounts until the transaction ends."""
    await db.execute("SELECT pg_advisory_xact_lock($1)", LOCK)


async def apply(db: Connection, tenants: Tenants, source: str, *, now: Millis) -> dict[str, str]:
    """Bring the accounts to the state in `tenants`, in the transaction of `db`; answers newly issued keys, by user.

    Raises `Invalid` for entries with references unknown to both the file and the accounts.
    """
    await lock(db)
    work = _Provisioning(db, source)
    await work.domains(tenants.domain)
    await work.customers(tenants.customer)
    await work.subjects("user", tenants.user)
    await work.subjects("group", tenants.group)
    await own_budgets.put(db, tenants)
    await weights.put(db, tenants)
    if tenants.sign_in is not None:
        await work.sign_in(tenants.sign_in)
    await work.members(tenants.group)
    await work.grants(tenants.grant)
    if work.mistakes:
        raise Invalid(*work.mistakes)
    keys = await work.keys(tenants.user, now=now)
    await tell_change(db)
    return keys


async def put_subject(db: Connection, kind: str, short_name: str, *, name: str, customer_id: int) -> bool:
    """Make a user or group, or change the account of the short name. Whether no subject of the other kind has the name."""
    id_ = await PUT_SUBJECT.value(db, kind=kind, short_name=short_name, name=name, customer_id=customer_id)
    return id_ is not None


async def put_customer(db: Connection, entry: CustomerEntry) -> None:
    """Make a customer, or change the customer of the short name. Domain and parent are there. Raises `Invalid`."""
    await _Provisioning(db, "The request").customers([entry])
    violations = Violations()
    for field, query, reason in MISTAKES:
        for (short_name,) in await db.fetch(query):
            violations.add(field, f"The customer {short_name} would be {reason}")
    violations.raise_if_any()


async def tell_change(db: Connection) -> None:
    """Have every process read the accounts anew."""
    await db.execute("UPDATE accounts_version SET version = version + 1")


class _Provisioning:
    """One run over a tenants file."""

    def __init__(self, db: Connection, source: str) -> None:
        self.db = db
        self.source = source
        self.mistakes: list[Violation] = []

    def _mistake(self, entry: str, reason: str) -> None:
        self.mistakes.append(Violation(f"{self.source}: {entry}: {reason}"))

    async def _ids(self, table: str, name: str = "short_name") -> dict[str, int]:
        return {row[0]: row[1] for row in await self.db.fetch(f"SELECT {name}, id FROM {table}")}

    async def domains(self, entries: Iterable[DomainEntry]) -> None:
        for entry in entries:
            await self.db.execute("INSERT INTO domain (name) VALUES ($1) ON CONFLICT DO NOTHING", entry.name)

    async def customers(self, entries: list[CustomerEntry]) -> None:
        """Store customers without parents, then set the parents, so that the order in the file does not matter."""
        domains = await self._ids("domain", "name")
        for entry in entries:
            if entry.domain not in domains:
                self._mistake(f"[[customer]] {entry.short_name}", f"there is no domain {entry.domain!r}.")
                continue
            await PUT_CUSTOMER.run(
                self.db, short_name=entry.short_name, name=entry.name, domain_id=domains[entry.domain]
            )
        await self._parents(entries)

    async def _parents(self, entries: Iterable[CustomerEntry]) -> None:
        ids = await self._ids(CUSTOMERS)
        for entry in entries:
            label = f"[[customer]] {entry.short_name}"
            if entry.parent is not None and entry.parent not in ids:
                self._mistake(label, f"there is no customer {entry.parent!r} that could be its parent.")
            elif entry.short_name in ids:
                parent = None if entry.parent is None else ids[entry.parent]
                await self.db.execute(
                    "UPDATE customer SET parent_id = $2 WHERE short_name = $1", entry.short_name, parent
                )
        for _, query, reason in MISTAKES:
            for (short_name,) in await self.db.fetch(query):
                self._mistake(f"[[customer]] {short_name}", f"is {reason}")

    async def subjects(self, kind: str, entries: Iterable[UserEntry] | Iterable[GroupEntry]) -> None:
        customers = await self._ids(CUSTOMERS)
        for entry in entries:
            label = f"[[{kind}]] {entry.short_name}"
            if entry.customer not in customers:
                self._mistake(label, f"there is no customer {entry.customer!r}.")
                continue
            if not await put_subject(
                self.db,
                kind,
                entry.short_name,
                name=entry.name or entry.short_name,
                customer_id=customers[entry.customer],
            ):
                self._mistake(label, "the name belongs to a subject of the other kind.")

    async def sign_in(self, entries: list[SignInEntry]) -> None:
        """Replace the rules for signing in. Whoever signed in leaves the groups that no rule names any more."""
        groups = await self._ids("subject WHERE kind = 'group' AND removed_time IS NULL")
        customers = await self._ids(CUSTOMERS)
        rules = []
        for position, entry in enumerate(entries):
            label = f"[[signIn]] {entry.value}"
            if entry.group not in groups:
                self._mistake(label, f"there is no group {entry.group!r}.")
            if entry.customer not in customers:
                self._mistake(label, f"there is no customer {entry.customer!r}.")
            if entry.group in groups and entry.customer in customers:
                ids = groups[entry.group], customers[entry.customer]
                rules.append((position, entry.claim, entry.value, *ids))
        await self.db.execute(LEAVE_UNRULED, [rule[3] for rule in rules])
        await self.db.execute("DELETE FROM sign_in_rule")
        await self.db.executemany(
            "INSERT INTO sign_in_rule (position, claim, value, group_id, customer_id) VALUES ($1, $2, $3, $4, $5)",
            rules,
        )

    async def members(self, entries: Iterable[GroupEntry]) -> None:
        """Replace the members of each group in the file by the members in the file.

        Members by a rule for signing in stay: they come and go with their claims.
        """
        users = await self._ids("subject WHERE kind = 'user' AND removed_time IS NULL")
        groups = await self._ids("subject WHERE kind = 'group' AND removed_time IS NULL")
        for entry in entries:
            unknown = [member for member in entry.members if member not in users]
            for member in unknown:
                self._mistake(f"[[group]] {entry.short_name}", f"there is no user {member!r}.")
            if unknown or entry.short_name not in groups:
                continue
            wanted = [users[member] for member in entry.members]
            group = groups[entry.short_name]
            await self.db.execute(LEAVE_UNNAMED, group, wanted)
            await self.db.execute(
                "INSERT INTO group_member SELECT $1, unnest($2::bigint[]) ON CONFLICT DO NOTHING",
                group,
                wanted,
            )

    async def grants(self, entries: list[GrantEntry]) -> None:
        """Replace the grants of each subject with a grant in the file by the grants in the file."""
        subjects, customers = (
            await self._ids("subject WHERE removed_time IS NULL"),
            await self._ids(CUSTOMERS),
        )
        wanted: dict[int, set[tuple[str, int | None]]] = {}
        for entry in entries:
            if self._grant_is_wrong(entry, subjects, customers):
                continue
            customer = None if entry.customer == EVERY_CUSTOMER else customers[entry.customer]
            wanted.setdefault(subjects[entry.subject], set()).add((entry.role, customer))
        for subject, grants in wanted.items():
            await self.db.execute("DELETE FROM access_grant WHERE subject_id = $1", subject)
            await self.db.executemany(
                "INSERT INTO access_grant (subject_id, role, customer_id) VALUES ($1, $2, $3)",
                [(subject, role, customer) for role, customer in grants],
            )

    def _grant_is_wrong(
        self, entry: GrantEntry, subjects: Mapping[str, int], customers: Mapping[str, int]
    ) -> bool:
        label = f"[[grant]] {entry.subject}"
        before = len(self.mistakes)
        if entry.subject not in subjects:
            self._mistake(label, f"there is no user or group {entry.subject!r}.")
        if entry.role not in ROLES:
            self._mistake(label, f"there is no role {entry.role!r}; the roles are {', '.join(ROLES)}.")
        if entry.customer != EVERY_CUSTOMER and entry.customer not in customers:
            self._mistake(label, f'there is no customer {entry.customer!r}; write "*" for every customer.')
        return len(self.mistakes) > before

    async def keys(self, entries: Iterable[UserEntry], *, now: Millis) -> dict[str, str]:
        """Issue a key for each user that shall have a key and has no working key."""
        issued = {}
        for entry in entries:
            if entry.key:
                user = await self.db.fetchval(KEYLESS, entry.short_name, now)
                if user is not None:
                    issued[entry.short_name] = (await issue(self.db, user, now=now, label="tenants file"))[1]
        return issued


async def get_customer_id(db: Connection, short_name: str) -> int:
    """Get the id of a customer. Raises `Invalid` when there is no such customer."""
    found: int | None = await FIND_CUSTOMER.value(db, short_name=short_name)
    if found is None:
        raise Invalid(f"There is no customer {short_name!r}.")
    return found


async def get_user_id(db: Connection, short_name: str) -> int:
    """Get the id of a user, who is not removed before the transaction ends. Raises `Invalid` when there is no such user."""
    found: int | None = await db.fetchval(FIND_USER, short_name)
    if found is None:
        raise Invalid(f"There is no user {short_name!r}.")
    return found
