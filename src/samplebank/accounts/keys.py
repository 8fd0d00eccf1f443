"""API keys: random, shown once, stored as a hash; and the callers behind keys."""

import hashlib
import secrets
import time
from collections.abc import Iterable, Sequence
from typing import Literal
from uuid import UUID

import msgspec

from samplebank.accounts.caller import Caller, Scope
from samplebank.accounts.directory import Directory, Unknown
from samplebank.accounts.model import ROLES, Permission
from samplebank.database import TRUE, Columns, Connection, Database, Page, Sql, Statement, all_of, new_id
from samplebank.database.listing import Listing
from samplebank.errors import Conflict, NotFound
from samplebank.timespec import Millis

PREFIX = "sb_"
#: longest key that is looked up
LONGEST = 200
#: letters of the label of a key
LONGEST_LABEL = 200
#: seconds within which a revoked key stops working in every process; the promise is 5
REMEMBERED = 2.0
MOST_REMEMBERED = 10_000

FIND_KEY = """
    SELECT id, user_id, roles, customers, expiry_time, revoked_time FROM api_key WHERE digest = $1
"""
GRANTED = """
    SELECT role, customer_id FROM access_grant
     WHERE subject_id = :user_id OR subject_id IN (SELECT group_id FROM group_member WHERE user_id = :user_id)
"""
GRANTS = Statement(GRANTED)
HOLDS = Statement(f"SELECT EXISTS (SELECT FROM ({GRANTED}) held WHERE held.role = ANY (:roles::text[]))")
GROUPS = "SELECT group_id FROM group_member WHERE user_id = $1 ORDER BY group_id"
#: the same id again gives the key a new secret, as the first secret may never have arrived; an end such as "now + 90 days" is the same
#: where the key lasts as long
PUT_KEY = Statement("""
    INSERT INTO api_key (id, user_id, digest, label, roles, customers, created_time, expiry_time)
    VALUES (:id, :user_id, :digest, :label, :roles, :customers, :now, :expiry_time)
    ON CONFLICT (id) DO UPDATE SET digest = excluded.digest
     WHERE api_key.user_id = excluded.user_id AND api_key.label = excluded.label AND api_key.revoked_time IS NULL
       AND (api_key.expiry_time IS NULL OR api_key.expiry_time > :now)
       AND api_key.roles IS NOT DISTINCT FROM excluded.roles AND api_key.customers IS NOT DISTINCT FROM excluded.customers
       AND (api_key.expiry_time IS NOT DISTINCT FROM excluded.expiry_time
            OR api_key.expiry_time - api_key.created_time = excluded.expiry_time - excluded.created_time)
    RETURNING id
""")
OF_USERS = "api_key k JOIN subject s ON s.id = k.user_id"
NUMBER = Statement(f"SELECT count(*) FROM {OF_USERS} WHERE s.short_name = :user")
REVOKE = "UPDATE api_key SET revoked_time = coalesce(revoked_time, $2) WHERE id = $1 RETURNING user_id"


IS_GOOD = """
    SELECT EXISTS (SELECT FROM api_key WHERE digest = $1 AND revoked_time IS NULL
                      AND (expiry_time IS NULL OR expiry_time > $2))
"""
GOOD_AMONG = """
    SELECT id FROM api_key WHERE id = ANY ($1::uuid[]) AND revoked_time IS NULL
       AND (expiry_time IS NULL OR expiry_time > $2)
"""


class Key(msgspec.Struct, frozen=True):
    """Everything known of a key, but not the key."""

    id: UUID
    user: str
    label: str
    roles: list[str] | None
    customers: list[str] | None
    created_time: Millis
    expiry_time: Millis | None
    revoked_time: Millis | None


KEY = Columns.of(
    Key,
    "k",
    user="s.short_name",
    customers="""CASE WHEN k.customers IS NOT NULL THEN
                   ARRAY(SELECT c.short_name FROM customer c WHERE c.id = ANY (k.customers) ORDER BY 1) END""",
)


def digest(key: str) -> bytes:
    """The hash of a key, to be stored. A key has 256 random bits, so a plain hash is as good as a slow hash."""
    return hashlib.sha256(key.encode()).digest()


async def issue(
    db: Connection,
    user_id: int,
    *,
    now: Millis,
    label: str = "",
    roles: Sequence[str] | None = None,
    customers: Sequence[int] | None = None,
    expiry: Millis | None = None,
) -> tuple[UUID, str]:
    """Make a key for a user: (the id, the key). The key is readable only here."""
    id_ = new_id()
    key = await put(db, id_, user_id, now=now, label=label, roles=roles, customers=customers, expiry=expiry)
    return id_, key


async def put(
    db: Connection,
    id_: UUID,
    user_id: int,
    *,
    now: Millis,
    label: str,
    roles: Sequence[str] | None,
    customers: Sequence[int] | None,
    expiry: Millis | None,
) -> str:
    """Make a key with the id; the same again gives the key a new secret. Raises `Conflict` for an id that another key has."""
    key = PREFIX + secrets.token_urlsafe(32)
    made = await PUT_KEY.value(
        db,
        id=id_,
        user_id=user_id,
        digest=digest(key),
        label=label,
        roles=roles,
        customers=customers,
        expiry_time=expiry,
        now=now,
    )
    if made is None:
        raise Conflict(f"The id {id_} belongs to another key, or to a key that has ended: choose a new id.")
    return key


async def holds_any(db: Connection, user_id: int, roles: Sequence[str]) -> bool:
    """Whether the user holds at least one of the roles: a key that is narrowed to others allows nothing."""
    held: bool = await HOLDS.value(db, user_id=user_id, roles=list(roles))
    return held


async def list_keys(db: Connection, user: str | None = None) -> list[Key]:
    return await keys_matching(user).page(db, Page(0))


async def newest_keys(db: Connection, user: str, most: int) -> tuple[list[Key], int]:
    """The newest keys of a user, the oldest of them first, and the number of all older keys."""
    newest = await keys_matching(user, order="DESC").page(db, Page(most))
    number: int = await NUMBER.value(db, user=user) if len(newest) == most else 0
    return newest[::-1], max(0, number - len(newest))


def keys_matching(
    user: str | None = None, id_: UUID | None = None, *, order: Literal["ASC", "DESC"] = "ASC"
) -> Listing[Key]:
    """Keys of users by short name, or the key of an id, by default the oldest first."""
    of_user = TRUE if user is None else Sql("s.short_name = {}", user)
    of_id = TRUE if id_ is None else Sql("k.id = {}", id_)
    return Listing(KEY, OF_USERS, all_of([of_user, of_id]), f"ORDER BY k.created_time {order}, k.id {order}")


async def get(db: Connection, id_: UUID) -> Key:
    """Raises `NotFound`."""
    found = await keys_matching(id_=id_).page(db, Page(1))
    if not found:
        raise NotFound(f"There is no key {id_}.")
    return found[0]


async def revoke(db: Connection, id_: UUID, *, now: Millis) -> int:
    """End a key; answers the id of its user. Raises `NotFound`; revoking again changes nothing."""
    user_id: int | None = await db.fetchval(REVOKE, id_, now)
    if user_id is None:
        raise NotFound(f"There is no key {id_}.")
    return user_id


async def is_good(db: Connection, key: str, *, now: Millis) -> bool:
    """Whether a key is known, not revoked and not expired."""
    good: bool = await db.fetchval(IS_GOOD, digest(key), now)
    return good


async def good_among(db: Connection, ids: Iterable[UUID], *, now: Millis) -> set[UUID]:
    """The keys among `ids` that are neither revoked nor expired."""
    return {row[0] for row in await db.fetch(GOOD_AMONG, list(ids), now)}


async def find_caller(db: Connection, directory: Directory, key: str, *, now: Millis) -> Caller | None:
    """Find the caller with `key`; None when the key is unknown, expired or revoked."""
    row = await db.fetchrow(FIND_KEY, digest(key))
    if row is None or row["revoked_time"] is not None or (row["expiry_time"] or now + 1) <= now:
        return None
    return await caller_of(
        db, directory, row["user_id"], roles=row["roles"], customers=row["customers"], key_id=row["id"]
    )


async def caller_of(
    db: Connection,
    directory: Directory,
    user_id: int,
    *,
    roles: Sequence[str] | None = None,
    customers: Sequence[int] | None = None,
    key_id: UUID | None = None,
) -> Caller:
    """Make the caller of a user, narrowed to some roles and customers. Raises `Unknown` for a user newer than the copy."""
    groups = tuple(group for (group,) in await db.fetch(GROUPS, user_id))
    grants = [(role, customer) for role, customer in await GRANTS.rows(db, user_id=user_id)]
    if roles is not None:
        grants = [(role, customer) for role, customer in grants if role in roles]
    scopes = _scopes(grants, directory)
    if customers is not None:
        scopes = _narrowed(scopes, directory.with_all_below(customers))
    return Caller(directory.subject(user_id), groups, scopes, directory.customer_ids, key_id)


def _scopes(grants: Iterable[tuple[str, int | None]], directory: Directory) -> dict[Permission, Scope]:
    scopes: dict[Permission, Scope] = {}
    for role, customer in grants:
        held = (
            Scope(everywhere=True)
            if customer is None
            else Scope(customers=directory.with_all_below([customer]))
        )
        for permission in ROLES.get(role, ()):  # a later release may know more roles
            scopes[permission] = scopes.get(permission, Scope()) | held
    return scopes


def _narrowed(scopes: dict[Permission, Scope], to: frozenset[int]) -> dict[Permission, Scope]:
    return {
        permission: Scope(customers=to if scope.everywhere else scope.customers & to)
        for permission, scope in scopes.items()
    }


class Callers:
    """Callers by key, remembered for a moment."""

    def __init__(self, database: Database, directory: Directory) -> None:
        self._database = database
        self._directory = directory
        self._found: dict[str, tuple[float, int, Caller]] = {}

    async def find(self, key: str, *, now: Millis) -> Caller | None:
        """Find the caller with `key`; None for a bad key. Bad keys are never remembered."""
        if not key.startswith(PREFIX) or len(key) > LONGEST or not key.isascii():
            return None
        await self._directory.refresh()
        moment = time.monotonic()
        remembered = self._found.get(key)
        if remembered and remembered[0] > moment and remembered[1] == self._directory.version:
            return remembered[2]
        try:
            caller = await self._look_up(key, now)
        except Unknown:
            # the user of the key is newer than the copy of the accounts
            await self._directory.refresh(at_once=True)
            caller = await self._look_up(key, now)
        self._remember(key, moment, caller)
        return caller

    async def _look_up(self, key: str, now: Millis) -> Caller | None:
        async with self._database.connection() as db:
            return await find_caller(db, self._directory, key, now=now)

    def _remember(self, key: str, moment: float, caller: Caller | None) -> None:
        if len(self._found) >= MOST_REMEMBERED:
            self._found.clear()
        self._found.pop(key, None)
        if caller is not None:
            self._found[key] = (moment + REMEMBERED, self._directory.version, caller)
