"""Users and groups, for whoever manages accounts for every customer."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from litestar import Response, delete, get, put

from samplebank.accounts import upkeep
from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.accounts.upkeep import Account, Taken
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.audit.model import Kind
from samplebank.database import Connection
from samplebank.errors import Invalid, NotFound, Violations
from samplebank.http.operation import EXTENSIONS, operation
from samplebank.http.shapes import Body, Named, NoQuery, PageQuery, ShortName, Shown
from samplebank.http.streaming import Streamed
from samplebank.timespec import Millis

S = TypeVar("S")
NOBODY = "There is no user, group or customer {}."
NO_SHORT_NAME = "A short name has 1 to 100 letters, digits, and _ : - . only."


class AccountGrant(Shown):
    """A role for a customer and all customers below, `*` for every customer."""

    role: str
    customer: str


class AccountEntry(Shown):
    """A user or group. `grants` are the account's own, without those of groups."""

    kind: str
    short_name: str
    name: str
    customer: str
    groups: list[str]
    grants: list[AccountGrant]
    removed_timestamp: Millis | None = None


class AccountPutRequest(Body):
    """`customer` is a short name. Without `name`, the short name is the name."""

    customer: ShortName
    name: Named | None = None


class TakenRights(Shown):
    """How many of each a removal took."""

    grants: int
    memberships: int
    keys: int
    sessions: int


def grants_of(row: Account) -> list[AccountGrant]:
    return [AccountGrant(*grant.split(" for ", 1)) for grant in row.grants]


def show_account(row: Account, _: Directory) -> AccountEntry:
    return AccountEntry(
        kind=row.kind,
        short_name=row.short_name,
        name=row.name,
        customer=row.customer,
        groups=row.groups,
        grants=grants_of(row),
        removed_timestamp=row.removed_time,
    )


def managing(id_: str, **more: Any) -> Mapping[str, Any]:
    """The `opt` of a route for whoever manages accounts."""
    return operation(
        id_, Permission.MANAGE_ACCOUNTS, query=more.pop("query", NoQuery), everywhere=True, **more
    )


def changing(id_: str, **more: Any) -> Mapping[str, Any]:
    """The same for a change, which the ledger tells as an act about accounts."""
    return managing(id_, act=Kind.ACCESS, **more)


def check_short_name(field: str, given: str, violations: Violations) -> None:
    try:
        msgspec.convert(given, ShortName)
    except msgspec.ValidationError:
        violations.add(field, NO_SHORT_NAME)


async def read_put(request: Call, shape: type[S]) -> tuple[str, S]:
    """The short name of the path, and the body. Raises `Malformed`, and `Invalid` with every violation of both."""
    document, violations = await request.document(shape), Violations()
    request.read_query(NoQuery)
    short_name = request.path("short_name")
    check_short_name("shortName", short_name, violations)
    try:
        data = document.read(request.now)
    except Invalid as error:
        raise Invalid(*violations, *error.violations) from None
    violations.raise_if_any()
    return short_name, data


@get(f"{EXTENSIONS}/accounts", opt=managing("listAccounts", query=PageQuery, answers=list[AccountEntry]))
async def list_accounts(request: Call) -> Response[bytes] | Streamed:
    """List users, then groups, by short name, removed ones as well."""
    page = request.read_query(PageQuery).page()
    return await request.show_list(upkeep.accounts_matching(), page, show_account)


@get(f"{EXTENSIONS}/accounts/{{short_name:str}}", opt=managing("getAccount", answers=AccountEntry))
async def get_account(request: Call) -> Answer:
    """Get a user or group, also a removed one."""
    request.read_query(NoQuery)
    async with request.bank.database.connection() as db:
        found = await found_account(db, name_in(request, "short_name"))
    return await request.show(found, show_account)


@put(
    f"{EXTENSIONS}/users/{{short_name:str}}",
    opt=changing("putUser", body=AccountPutRequest, answers=AccountEntry),
)
async def put_user(request: Call) -> Answer:
    """Make a user, or change name and customer. A removed user is back, without the rights that were taken."""
    return await _put(request, "user")


@put(
    f"{EXTENSIONS}/groups/{{short_name:str}}",
    opt=changing("putGroup", body=AccountPutRequest, answers=AccountEntry),
)
async def put_group(request: Call) -> Answer:
    """Make a group, or change name and customer. A removed group is back, without the rights that were taken."""
    return await _put(request, "group")


async def _put(request: Call, kind: str) -> Answer:
    short_name, data = await read_put(request, AccountPutRequest)
    found = await put_account(request, kind, short_name, data)
    return await request.show(found, show_account)


async def put_account(request: Call, kind: str, short_name: str, data: AccountPutRequest) -> Account:
    """Make or change a user or group. Raises `Invalid` for customer and name, and `Conflict` for a name of the other kind."""
    async with request.bank.database.transaction() as db:
        await upkeep.put(db, kind, short_name, name=data.name or short_name, customer=data.customer)
        await request.record(db, target=short_name, details={"customer": data.customer})
        return await found_account(db, short_name)


@delete(
    f"{EXTENSIONS}/users/{{short_name:str}}",
    opt=changing("removeUser", answers=TakenRights),
    status_code=200,
)
async def remove_user(request: Call) -> Answer:
    """Remove a user: rights, keys and sessions end within 2 seconds. What the user submitted stays."""
    request.read_query(NoQuery)
    return await request.show(
        await remove_account(request, "user", name_in(request, "short_name")), _show_taken
    )


@delete(
    f"{EXTENSIONS}/groups/{{short_name:str}}",
    opt=changing("removeGroup", answers=TakenRights),
    status_code=200,
)
async def remove_group(request: Call) -> Answer:
    """Remove a group: its grants and members end."""
    request.read_query(NoQuery)
    return await request.show(
        await remove_account(request, "group", name_in(request, "short_name")), _show_taken
    )


async def remove_account(request: Call, kind: str, short_name: str) -> Taken:
    """Remove a user or group. Raises `NotFound` and `Conflict`."""
    remove = upkeep.remove_user if kind == "user" else upkeep.remove_group
    async with request.bank.database.transaction() as db:
        taken = await remove(db, short_name, now=request.now)
        await end_change(request, db, short_name)
    return taken


async def end_change(request: Call, db: Connection, short_name: str, **details: str) -> None:
    """Tell the ledger of a change of rights. Raises `Conflict` where nobody could manage accounts afterwards."""
    await upkeep.require_administrator(db)
    await request.record(db, target=short_name, details=details)


async def found_account(db: Connection, short_name: str) -> Account:
    """Raises `NotFound`."""
    found = await upkeep.find(db, short_name)
    if found is None:
        raise NotFound(NOBODY.format(short_name))
    return found


def name_in(request: Call, name: str) -> str:
    """A short name in the path. Raises `NotFound` for a text that can be no name."""
    given = request.path(name)
    try:
        return msgspec.convert(given, ShortName)
    except msgspec.ValidationError:
        raise NotFound(NOBODY.format(repr(given[:100]))) from None


def _show_taken(taken: Taken, _: Directory) -> TakenRights:
    return TakenRights(**msgspec.structs.asdict(taken))


ROUTES = [
    list_accounts,
    get_account,
    put_user,
    put_group,
    remove_user,
    remove_group,
]
