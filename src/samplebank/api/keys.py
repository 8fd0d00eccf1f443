"""API keys of users, for whoever manages accounts for every customer."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, put
from msgspec import Meta

from samplebank.accounts import keys, provisioning, upkeep
from samplebank.accounts.directory import Directory
from samplebank.accounts.keys import Key
from samplebank.accounts.model import ROLES
from samplebank.api import envelope
from samplebank.api.accounts import changing, managing
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.errors import Invalid, Violations
from samplebank.http.operation import EXTENSIONS
from samplebank.http.shapes import Body, NoQuery, PageQuery, Several, ShortName, Shown, Time
from samplebank.http.streaming import Streamed
from samplebank.http.validation import read_time
from samplebank.timespec import Millis

LEAVE_OUT = "Leave the field out for a key that is not narrowed."
#: stands for an id that is refused
NIL = UUID(int=0)
ONE = f"{EXTENSIONS}/keys/{{key_id:str}}"


class KeyQuery(PageQuery):
    user: ShortName | None = None


class KeyPutRequest(Body):
    """`roles` and `customers` narrow the key to some of what the user holds; a customer holds all customers below.

    A key without the fields is not narrowed. Empty lists are refused.
    """

    user: ShortName
    label: Annotated[str, Meta(max_length=keys.LONGEST_LABEL)] = ""
    roles: Several[str] | None = None
    customers: Several[ShortName] | None = None
    expiry_timestamp: Time = None


class KeyEntry(Shown):
    """What is known of a key. `key` is the key itself, shown only in the answer that makes the key."""

    id: UUID
    user: str
    label: str
    created_timestamp: Millis
    roles: list[str] | None = None
    customers: list[str] | None = None
    expiry_timestamp: Millis | None = None
    revoked_timestamp: Millis | None = None
    key: str | None = None


def show_key(row: Key, _: Directory) -> KeyEntry:
    return KeyEntry(
        id=row.id,
        user=row.user,
        label=row.label,
        created_timestamp=row.created_time,
        roles=row.roles,
        customers=row.customers,
        expiry_timestamp=row.expiry_time,
        revoked_timestamp=row.revoked_time,
    )


@get(f"{EXTENSIONS}/keys", opt=managing("listKeys", query=KeyQuery, answers=list[KeyEntry]))
async def list_keys(request: Call) -> Response[bytes] | Streamed:
    """List keys, ended ones as well, the oldest first. The keys themselves are stored nowhere."""
    query = request.read_query(KeyQuery)
    return await request.show_list(keys.keys_matching(query.user), query.page(), show_key)


@put(ONE, opt=changing("putKey", body=KeyPutRequest, answers=KeyEntry, status=201), status_code=201)
async def put_key(request: Call) -> Answer:
    """Make a key under an id that the caller chooses (a random UUID). The answer shows the key, this once.

    Whoever has lost the answer repeats the request: the same id gets a new key, and the key of the lost answer ends.
    """
    document, violations = await request.document(KeyPutRequest), Violations()
    request.read_query(NoQuery)
    id_ = _read_id(request, violations)
    try:
        data = document.read(request.now)
    except Invalid as error:
        raise Invalid(*violations, *error.violations) from None
    found, key = await make_key(request, id_, data, violations)
    entry = show_key(found, request.bank.directory)
    return envelope.single(msgspec.structs.replace(entry, key=key), 201)


async def make_key(request: Call, id_: UUID, data: KeyPutRequest, violations: Violations) -> tuple[Key, str]:
    """Make a key: what is known of the key, and the key. Raises `Conflict`, and `Invalid` with all `violations`."""
    expiry = _read_expiry(data, violations, request.now)
    _check_narrowing(data, violations)
    names = data.customers or ()
    async with request.bank.database.transaction() as db:
        await provisioning.lock(db)
        user_id = await upkeep.find_user(db, data.user)
        if user_id is None:
            violations.add("user", f"There is no user {data.user!r}.")
        found = [
            await upkeep.find_customer(db, f"customers[{place}]", name, violations)
            for place, name in enumerate(names)
        ]
        violations.raise_if_any()
        assert user_id is not None  # noqa: S101 else a violation was raised
        customers = [id_ for id_ in found if id_ is not None] or None
        key = await keys.put(
            db,
            id_,
            user_id,
            now=request.now,
            label=data.label,
            roles=data.roles,
            customers=customers,
            expiry=expiry,
        )
        await request.record(db, target=id_, details={"user": data.user, "label": data.label})
        return await keys.get(db, id_), key


def _check_narrowing(data: KeyPutRequest, violations: Violations) -> None:
    """A list without entries would be taken for no narrowing: the key would do all that its user may do."""
    for field, given in (("roles", data.roles), ("customers", data.customers)):
        if given is not None and not given:
            violations.add(field, f"The list is empty: a key without {field} could do nothing. {LEAVE_OUT}")
    for position, role in enumerate(data.roles or ()):
        if role not in ROLES:
            said = f"There is no role {role[:100]!r}; the roles are {', '.join(ROLES)}."
            violations.add(f"roles[{position}]", said)


@delete(ONE, opt=changing("revokeKey", answers=KeyEntry), status_code=200)
async def revoke_key(request: Call) -> Answer:
    """End a key, within 2 seconds. To end a key again changes nothing."""
    request.read_query(NoQuery)
    violations = Violations()
    id_ = _read_id(request, violations)
    violations.raise_if_any()
    return await request.show(await end_key(request, id_), show_key)


async def end_key(request: Call, id_: UUID) -> Key:
    """End a key. Raises `NotFound`."""
    async with request.bank.database.transaction() as db:
        await keys.revoke(db, id_, now=request.now)
        found = await keys.get(db, id_)
        await request.record(db, target=id_, details={"user": found.user, "label": found.label})
    return found


def _read_id(request: Call, violations: Violations) -> UUID:
    try:
        return UUID(request.path("key_id"))
    except ValueError:
        violations.add("keyID", "The id of a key is a UUID.")
        return NIL


def _read_expiry(data: KeyPutRequest, violations: Violations, now: Millis) -> Millis | None:
    if data.expiry_timestamp is None:
        return None
    expiry = read_time(violations, "expiryTimestamp", data.expiry_timestamp, now)
    if expiry is not None and expiry <= now:
        violations.add("expiryTimestamp", "The key would have ended already: give a later time.")
    return expiry


ROUTES = [list_keys, put_key, revoke_key]
