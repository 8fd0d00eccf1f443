"""The page of an account: grants, groups or members, and keys of a user or group, with forms to change each."""

from functools import partial
from typing import ClassVar

from litestar import Response, get, post

from samplebank.accounts import customers, keys, upkeep
from samplebank.accounts.keys import Key
from samplebank.accounts.model import ROLES
from samplebank.accounts.upkeep import Account
from samplebank.api.accounts import AccountGrant, changing, grants_of, managing, name_in, remove_account
from samplebank.api.rights import ChangeGrant, ChangeMember, change_grant, change_member
from samplebank.database import Page as Part
from samplebank.database import new_id
from samplebank.errors import NotFound
from samplebank.http.shapes import NoQuery
from samplebank.web.copying import Copied, of_accounts
from samplebank.web.pages.accounts import MOST, MOST_CUSTOMERS, offered, require_sure
from samplebank.web.pages.returned import NOTHING, Form, Returned, by_form
from samplebank.web.rendering import Page
from samplebank.web.visit import Visit


class AccountPage(Page, frozen=True):
    """An account. `new_key_id` makes the form for a key one request, however often the form is sent.

    `offered` are the customers of the forms, none where there are too many to offer. `returned` is the form that was not taken.
    """

    template: ClassVar[str] = "account.html"
    section: ClassVar[str] = "accounts"

    account: Account
    grants: list[AccountGrant]
    members: list[str]
    keys: list[Key]
    older_keys: int
    roles: list[str]
    offered: list[str]
    new_key_id: str
    returned: Returned
    copied: Copied


@get("/accounts/{short_name:str}", opt=managing("showAccountOf"))
async def show_account_of(request: Visit) -> Response[bytes]:
    """Show a user or group: grants, groups or members, keys, with forms to change each."""
    request.read_query(NoQuery)
    return request.page(await account_page(request, NOTHING))


async def account_page(request: Visit, returned: Returned) -> AccountPage:
    """The page of the account of the path. Raises `NotFound`."""
    short_name = name_in(request, "short_name")
    async with request.reading() as db:
        found = await upkeep.find(db, short_name)
        if found is None:
            raise NotFound(f"There is no user or group {short_name[:100]!r}.")
        members = await upkeep.members_of(db, short_name)
        own, older = await keys.newest_keys(db, short_name, MOST)
        firms = await customers.customers_matching().page(db, Part(MOST_CUSTOMERS + 1))
    return AccountPage(
        account=found,
        grants=grants_of(found),
        members=members,
        keys=own,
        older_keys=older,
        roles=list(ROLES),
        offered=offered(firms),
        new_key_id=str(new_id()),
        returned=returned,
        copied=of_accounts(request.address, found.short_name),
    )


@post("/accounts/{short_name:str}/remove", opt=changing("removeAccountByPage"), status_code=303)
async def remove_account_by_page(request: Visit) -> Response[bytes]:
    """Remove a user or group, once the visitor has written the name."""
    short_name = name_in(request, "short_name")

    async def change(form: Form) -> Response[bytes]:
        require_sure(form, short_name)
        async with request.bank.database.connection() as db:
            found = await upkeep.find(db, short_name)
        await remove_account(request, "user" if found is None else found.kind, short_name)
        return request.to(f"accounts/{short_name}")

    return await by_form(request, "remove", change, partial(account_page, request))


@post("/accounts/{short_name:str}/grants", opt=changing("addGrantByPage"), status_code=303)
async def add_grant_by_page(request: Visit) -> Response[bytes]:
    """Give a role for a customer."""
    return await _change_grant(request, "grant", upkeep.add_grant)


@post("/accounts/{short_name:str}/grants/remove", opt=changing("removeGrantByPage"), status_code=303)
async def remove_grant_by_page(request: Visit) -> Response[bytes]:
    """Take a grant back."""
    return await _change_grant(request, "grant-removal", upkeep.remove_grant)


@post("/accounts/{short_name:str}/members", opt=changing("addMemberByPage"), status_code=303)
async def add_member_by_page(request: Visit) -> Response[bytes]:
    """Put a user into the group."""
    return await _change_member(request, "member", upkeep.add_member)


@post("/accounts/{short_name:str}/members/remove", opt=changing("removeMemberByPage"), status_code=303)
async def remove_member_by_page(request: Visit) -> Response[bytes]:
    """Take a user out of the group."""
    return await _change_member(request, "member-removal", upkeep.remove_member)


async def _change_grant(request: Visit, name: str, work: ChangeGrant) -> Response[bytes]:
    short_name = name_in(request, "short_name")

    async def change(form: Form) -> Response[bytes]:
        await change_grant(request, work, short_name, form.get("role", ""), form.get("customer", ""))
        return request.to(f"accounts/{short_name}#grants")

    return await by_form(request, name, change, partial(account_page, request))


async def _change_member(request: Visit, name: str, work: ChangeMember) -> Response[bytes]:
    short_name = name_in(request, "short_name")

    async def change(form: Form) -> Response[bytes]:
        await change_member(request, work, short_name, form.get("user", ""))
        return request.to(f"accounts/{short_name}#members")

    return await by_form(request, name, change, partial(account_page, request))


ROUTES = [
    show_account_of,
    remove_account_by_page,
    add_grant_by_page,
    remove_grant_by_page,
    add_member_by_page,
    remove_member_by_page,
]
