"""Single memberships and grants, and taking back what a tenants file gave: users, groups, memberships, grants.

Rows of users and groups stay, because submissions, notes and lists of readers name them. A removed user has no right, no key and no session.
A tenants file that names the user or group again brings the account back, without what was taken.
"""

from typing import Final

import msgspec

from samplebank.accounts import first_accounts, provisioning
from samplebank.accounts.model import ADMINISTRATOR
from samplebank.accounts.tenants import EVERY_CUSTOMER, number_mistake
from samplebank.database import TRUE, Columns, Connection, Page, Sql, Statement
from samplebank.database.listing import Listing
from samplebank.errors import Conflict, Invalid, NotFound, Violations
from samplebank.timespec import Millis

#: the users without whom the service does not start
NEEDED: Final = frozenset({first_accounts.ADMIN, first_accounts.WORKERS})


class Account(msgspec.Struct, frozen=True):
    """A user or group. `grants` are texts such as `SAMPLEDB-USER for acme`; a user's own, without those of groups."""

    kind: str
    short_name: str
    name: str
    customer: str
    groups: list[str]
    grants: list[str]
    removed_time: Millis | None


class Taken(msgspec.Struct, frozen=True):
    """How many of each a removal took."""

    grants: int
    memberships: int
    keys: int = 0
    sessions: int = 0


ACCOUNT = Columns.of(
    Account,
    "s",
    customer="c.short_name",
    groups="""ARRAY(SELECT g.short_name FROM group_member m JOIN subject g ON g.id = m.group_id
                     WHERE m.user_id = s.id ORDER BY 1)""",
    grants="""ARRAY(SELECT a.role || ' for ' || coalesce(k.short_name, '*') FROM access_grant a
                      LEFT JOIN customer k ON k.id = a.customer_id WHERE a.subject_id = s.id ORDER BY 1)""",
)
ACCOUNTS: Final = "subject s JOIN customer c ON c.id = s.customer_id"
IN_ORDER: Final = "ORDER BY s.kind DESC, s.short_name"
REMOVE = Statement("""
    UPDATE subject SET removed_time = :now, stored_bytes = NULL
     WHERE short_name = :short_name AND kind = :kind AND removed_time IS NULL RETURNING id
""")
IS_RULED = Statement("SELECT EXISTS (SELECT FROM sign_in_rule WHERE group_id = :id)")
END_GRANTS = Statement("DELETE FROM access_grant WHERE subject_id = :id")
END_MEMBERSHIPS = Statement("DELETE FROM group_member WHERE user_id = :id OR group_id = :id")
END_KEYS = Statement("UPDATE api_key SET revoked_time = :now WHERE user_id = :id AND revoked_time IS NULL")
END_LINKS = Statement("DELETE FROM sign_in_link WHERE user_id = :id")
END_SESSIONS = Statement("DELETE FROM browser_session WHERE user_id = :id")
END_MEMBERSHIP = Statement("""
    DELETE FROM group_member m USING subject g, subject u
     WHERE g.id = m.group_id AND u.id = m.user_id AND g.short_name = :group AND u.short_name = :user
""")
ADD_MEMBER = Statement(
    "INSERT INTO group_member (group_id, user_id) VALUES (:group_id, :user_id) ON CONFLICT DO NOTHING"
)
ADD_GRANT = Statement("""
    INSERT INTO access_grant (subject_id, role, customer_id) VALUES (:subject_id, :role, :customer_id)
    ON CONFLICT DO NOTHING
""")
MEMBERS = Statement("""
    SELECT u.short_name FROM group_member m JOIN subject g ON g.id = m.group_id JOIN subject u ON u.id = m.user_id
     WHERE g.short_name = :group ORDER BY 1
""")
FIND = Statement("""
    SELECT id FROM subject WHERE short_name = :short_name AND kind = ANY(:kinds::text[]) AND removed_time IS NULL
""")
IS_ADMINISTERED = Statement("""
    SELECT EXISTS (
        SELECT FROM access_grant a JOIN subject s ON s.id = a.subject_id
         WHERE a.role = :role AND a.customer_id IS NULL AND s.removed_time IS NULL AND (
               s.kind = 'user'
            OR EXISTS (SELECT FROM group_member m JOIN subject u ON u.id = m.user_id
                        WHERE m.group_id = s.id AND u.removed_time IS NULL)))
""")
END_GRANT = Statement("""
    DELETE FROM access_grant a USING subject s
     WHERE s.id = a.subject_id AND s.short_name = :subject AND a.role = :role
       AND a.customer_id IS NOT DISTINCT FROM (SELECT id FROM customer WHERE short_name = :customer)
       AND (:customer = '*' OR a.customer_id IS NOT NULL)
""")


async def accounts(db: Connection) -> list[Account]:
    """All users and groups, removed ones as well."""
    return await accounts_matching().page(db, Page(0))


def accounts_matching(short_name: str | None = None) -> Listing[Account]:
    """Users and groups, removed ones as well; by their short name."""
    where = TRUE if short_name is None else Sql("s.short_name = {}", short_name)
    return Listing(ACCOUNT, ACCOUNTS, where, IN_ORDER)


async def find(db: Connection, short_name: str) -> Account | None:
    found = await accounts_matching(short_name).page(db, Page(1))
    return found[0] if found else None


async def number_of_accounts(db: Connection) -> int:
    number: int = await db.fetchval("SELECT count(*) FROM subject")
    return number


async def members_of(db: Connection, group: str) -> list[str]:
    """The short names of the members of a group; none of a user."""
    return [row[0] for row in await MEMBERS.rows(db, group=group)]


async def find_customer(db: Connection, field: str, name: str, violations: Violations) -> int | None:
    """The id of a customer, None for a customer who is not there: a violation of the field. A text that no name can be is nobody's."""
    found: int | None = None if "\0" in name else await provisioning.FIND_CUSTOMER.value(db, short_name=name)
    if found is None:
        violations.add(field, f"There is no customer {name[:100]!r}.")
    return found


async def find_user(db: Connection, short_name: str) -> int | None:
    found: int | None = await FIND.value(db, short_name=short_name, kinds=["user"])
    return found


async def put(db: Connection, kind: str, short_name: str, *, name: str, customer: str) -> None:
    """Make a user or group, or change the account of the short name; a removed account is back, without what was taken.

    Raises `Invalid` for the customer, and for a new account whose short name is a number, and `Conflict` where a subject of
    the other kind has the name.
    """
    await provisioning.lock(db)
    violations = Violations()
    if short_name.isdigit() and await find(db, short_name) is None:
        violations.add("shortName", f"The {number_mistake(short_name)}")
    customer_id = await find_customer(db, "customer", customer, violations)
    if customer_id is None or violations:
        raise Invalid(*violations)
    if not await provisioning.put_subject(db, kind, short_name, name=name, customer_id=customer_id):
        other = "group" if kind == "user" else "user"
        raise Conflict(f"There is a {other} {short_name!r}: users and groups share their names.")
    await provisioning.tell_change(db)


async def add_member(db: Connection, group: str, user: str) -> None:
    """Put a user into a group; nothing changes for a member. Raises `NotFound`."""
    await provisioning.lock(db)
    group_id, user_id = await _find(db, group, "group"), await _find(db, user, "user")
    await ADD_MEMBER.run(db, group_id=group_id, user_id=user_id)
    await provisioning.tell_change(db)


async def add_grant(db: Connection, subject: str, role: str, customer: str) -> None:
    """Give a user or group a role for a customer, `*` for every customer. Raises `NotFound`, and `Invalid` for the customer."""
    await provisioning.lock(db)
    subject_id = await _find(db, subject, "user", "group")
    everywhere = customer == EVERY_CUSTOMER
    customer_id = None if everywhere else await provisioning.get_customer_id(db, customer)
    await ADD_GRANT.run(db, subject_id=subject_id, role=role, customer_id=customer_id)
    await provisioning.tell_change(db)


async def remove_user(db: Connection, short_name: str, *, now: Millis) -> Taken:
    """Remove a user. Raises `NotFound`, and `Conflict` for the users that the service needs."""
    if short_name in NEEDED:
        raise Conflict(f"The service does not start without the user {short_name}: revoke the keys instead.")
    id_ = await _remove(db, "user", short_name, now=now)
    # A link that is used meanwhile makes a session; so sessions come behind links.
    await END_LINKS.run(db, id=id_)
    taken = Taken(
        grants=await END_GRANTS.count(db, id=id_),
        memberships=await END_MEMBERSHIPS.count(db, id=id_),
        keys=await END_KEYS.count(db, id=id_, now=now),
        sessions=await END_SESSIONS.count(db, id=id_),
    )
    await provisioning.tell_change(db)
    return taken


async def remove_group(db: Connection, short_name: str, *, now: Millis) -> Taken:
    """Remove a group with its grants. Raises `NotFound`, and `Conflict` while a rule for signing in names the group."""
    id_ = await _remove(db, "group", short_name, now=now)
    if await IS_RULED.value(db, id=id_):
        raise Conflict(
            f"A rule for signing in names the group {short_name}: apply a tenants file with signIn without the rule first."
        )
    taken = Taken(
        grants=await END_GRANTS.count(db, id=id_),
        memberships=await END_MEMBERSHIPS.count(db, id=id_),
    )
    await provisioning.tell_change(db)
    return taken


async def remove_member(db: Connection, group: str, user: str) -> None:
    """Take a user out of a group. Raises `NotFound`."""
    await provisioning.lock(db)
    if not await END_MEMBERSHIP.count(db, group=group, user=user):
        raise NotFound(f"There is no user {user!r} in a group {group!r}.")
    await provisioning.tell_change(db)


async def remove_grant(db: Connection, subject: str, role: str, customer: str) -> None:
    """Take a grant back; `*` stands for every customer. Raises `NotFound`."""
    await provisioning.lock(db)
    if not await END_GRANT.count(db, subject=subject, role=role, customer=customer):
        told = "every customer" if customer == EVERY_CUSTOMER else f"the customer {customer!r}"
        raise NotFound(f"{subject!r} has no grant of its own of {role} for {told}.")
    await provisioning.tell_change(db)


async def require_administrator(db: Connection) -> None:
    """Raise `Conflict` where nobody is left who may manage accounts, so that the change is not made."""
    if not await IS_ADMINISTERED.value(db, role=ADMINISTRATOR):
        raise Conflict(
            f"Nobody else has {ADMINISTRATOR} for every customer: give the role to another user first."
        )


async def _find(db: Connection, short_name: str, *kinds: str) -> int:
    id_: int | None = await FIND.value(db, short_name=short_name, kinds=list(kinds))
    if id_ is None:
        raise NotFound(f"There is no {' or '.join(kinds)} {short_name!r}.")
    return id_


async def _remove(db: Connection, kind: str, short_name: str, *, now: Millis) -> int:
    await provisioning.lock(db)
    id_: int | None = await REMOVE.value(db, short_name=short_name, kind=kind, now=now)
    if id_ is None:
        raise NotFound(f"There is no {kind} {short_name!r}.")
    return id_
