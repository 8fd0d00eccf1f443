"""The members of groups, and the grants of accounts, for whoever manages accounts for every customer."""

from collections.abc import Awaitable, Callable

from litestar import delete, put

from samplebank.accounts import upkeep
from samplebank.accounts.model import ROLES
from samplebank.accounts.tenants import EVERY_CUSTOMER
from samplebank.accounts.upkeep import Account
from samplebank.api.accounts import (
    AccountEntry,
    changing,
    check_short_name,
    end_change,
    found_account,
    name_in,
    show_account,
)
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.database import Connection
from samplebank.errors import Violations
from samplebank.http.operation import EXTENSIONS
from samplebank.http.shapes import NoQuery

ChangeMember = Callable[[Connection, str, str], Awaitable[None]]
ChangeGrant = Callable[[Connection, str, str, str], Awaitable[None]]
MEMBER = f"{EXTENSIONS}/groups/{{short_name:str}}/members/{{user:str}}"


@put(MEMBER, opt=changing("addMember", answers=AccountEntry))
async def add_member(request: Call) -> Answer:
    """Put a user into a group. Answers the user."""
    request.read_query(NoQuery)
    group, user = name_in(request, "short_name"), name_in(request, "user")
    return await request.show(await change_member(request, upkeep.add_member, group, user), show_account)


@delete(MEMBER, opt=changing("removeMember", answers=AccountEntry), status_code=200)
async def remove_member(request: Call) -> Answer:
    """Take a user out of a group. Answers the user."""
    request.read_query(NoQuery)
    group, user = name_in(request, "short_name"), name_in(request, "user")
    return await request.show(await change_member(request, upkeep.remove_member, group, user), show_account)


GRANT = f"{EXTENSIONS}/accounts/{{short_name:str}}/grants/{{role:str}}/{{customer:str}}"


@put(GRANT, opt=changing("addGrant", answers=AccountEntry))
async def add_grant(request: Call) -> Answer:
    """Give a user or group a role for a customer and all customers below, or for `*`. Answers the account."""
    request.read_query(NoQuery)
    names = request.path("short_name"), request.path("role"), request.path("customer")
    return await request.show(await change_grant(request, upkeep.add_grant, *names), show_account)


@delete(GRANT, opt=changing("removeGrant", answers=AccountEntry), status_code=200)
async def remove_grant(request: Call) -> Answer:
    """Take a grant back, as the grant was given. Answers the account."""
    request.read_query(NoQuery)
    names = request.path("short_name"), request.path("role"), request.path("customer")
    return await request.show(await change_grant(request, upkeep.remove_grant, *names), show_account)


async def change_member(request: Call, change: ChangeMember, group: str, user: str) -> Account:
    """Put a user into a group, or take the user out. Answers the user. Raises `NotFound` and `Conflict`."""
    async with request.bank.database.transaction() as db:
        await change(db, group, user)
        await end_change(request, db, user, group=group)
        return await found_account(db, user)


async def change_grant(
    request: Call, change: ChangeGrant, short_name: str, role: str, customer: str
) -> Account:
    """Give a role or take a role back. Answers the account. Raises `NotFound`, `Conflict`, and `Invalid` with every violation."""
    violations = Violations()
    if role not in ROLES:
        violations.add("role", f"There is no role {role[:100]!r}; the roles are {', '.join(ROLES)}.")
    check_short_name("shortName", short_name, violations)
    async with request.bank.database.transaction() as db:
        if customer != EVERY_CUSTOMER:
            await upkeep.find_customer(db, "customer", customer, violations)
        violations.raise_if_any()
        await change(db, short_name, role, customer)
        await end_change(request, db, short_name, role=role, customer=customer)
        return await found_account(db, short_name)


ROUTES = [add_member, remove_member, add_grant, remove_grant]
