"""Accounts: users, groups and customers, for whoever manages accounts for every customer."""

from typing import Any, ClassVar, Final

import msgspec
from litestar import Response, get, post

from samplebank.accounts import customers, keys, upkeep
from samplebank.accounts.customers import CustomerRow
from samplebank.accounts.keys import Key
from samplebank.accounts.model import ROLES
from samplebank.accounts.upkeep import Account
from samplebank.api.accounts import (
    AccountGrant,
    AccountPutRequest,
    changing,
    check_short_name,
    grants_of,
    managing,
    name_in,
    put_account,
    remove_account,
)
from samplebank.api.customers import CustomerPutRequest, put, remove
from samplebank.api.rights import change_grant, change_member
from samplebank.database import Connection, new_id
from samplebank.database import Page as Part
from samplebank.errors import NotFound, Violations, invalid
from samplebank.http.shapes import Body, NoQuery, Offset
from samplebank.http.validation import Document
from samplebank.web.copying import Copied, of_accounts
from samplebank.web.rendering import Page
from samplebank.web.visit import Visit

#: accounts on a page, and keys of an account; customers on a page, which forms offer: beyond, short names have to be written
MOST: Final = 100
MOST_CUSTOMERS: Final = 200
#: the form of a customer for a customer below nobody: no short name has a slash
NOBODY: Final = "/"
NOT_SURE: Final = (
    "Nothing was removed: write the short name into the field beside the button, to say that you are sure."
)


class AccountsQuery(Body):
    """`customers` is the offset of the customers, `offset` that of the accounts."""

    offset: Offset = 0
    customers: Offset = 0


class AccountsPage(Page, frozen=True):
    """A part of the accounts, and a part of the customers. `newer` and `older` are offsets of other accounts.

    `customers_before` and `customers_after` are offsets of other customers. `offered` are the customers of the forms, none where there
    are too many to offer.
    """

    template: ClassVar[str] = "accounts.html"
    section: ClassVar[str] = "accounts"

    accounts: list[Account]
    number: int
    newer: int | None
    older: int | None
    customers: list[CustomerRow]
    customers_before: int | None
    customers_after: int | None
    offered: list[str]
    copied: Copied


class AccountPage(Page, frozen=True):
    """An account. `new_key_id` makes the form for a key one request, however often the form is sent.

    `offered` are the customers of the forms, none where there are too many to offer.
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
    copied: Copied


@get("/accounts", opt=managing("showAccounts", query=AccountsQuery))
async def show_accounts(request: Visit) -> Response[bytes]:
    """List users and groups, then customers, with forms to make some."""
    query = request.read_query(AccountsQuery)
    listing = upkeep.accounts_matching()
    async with request.reading() as db:
        found = await listing.page(db, Part(MOST, query.offset))
        number = await upkeep.number_of_accounts(db)
        firms = await customers.customers_matching().page(db, Part(MOST_CUSTOMERS + 1, query.customers))
    end = query.offset + len(found)
    return request.page(
        AccountsPage(
            accounts=found,
            number=number,
            newer=max(0, query.offset - MOST) if query.offset else None,
            older=end if end < number else None,
            customers=firms[:MOST_CUSTOMERS],
            customers_before=max(0, query.customers - MOST_CUSTOMERS) if query.customers else None,
            customers_after=query.customers + MOST_CUSTOMERS if len(firms) > MOST_CUSTOMERS else None,
            offered=[] if query.customers else _offered(firms),
            copied=of_accounts(request.address),
        )
    )


@get("/accounts/{short_name:str}", opt=managing("showAccountOf"))
async def show_account_of(request: Visit) -> Response[bytes]:
    """Show a user or group: grants, groups or members, keys, with forms to change each."""
    request.read_query(NoQuery)
    short_name = name_in(request, "short_name")
    async with request.reading() as db:
        found = await upkeep.find(db, short_name)
        if found is None:
            raise NotFound(f"There is no user or group {short_name[:100]!r}.")
        members = await upkeep.members_of(db, short_name)
        own, older = await keys.newest_keys(db, short_name, MOST)
        firms = await customers.customers_matching().page(db, Part(MOST_CUSTOMERS + 1))
    return request.page(
        AccountPage(
            account=found,
            grants=grants_of(found),
            members=members,
            keys=own,
            older_keys=older,
            roles=list(ROLES),
            offered=_offered(firms),
            new_key_id=str(new_id()),
            copied=of_accounts(request.address, found.short_name),
        )
    )


def _offered(firms: list[CustomerRow]) -> list[str]:
    """The customers to choose from; none where there are more than a form can offer."""
    return (
        [] if len(firms) > MOST_CUSTOMERS else [one.short_name for one in firms if one.removed_time is None]
    )


@post("/accounts", opt=changing("putAccountByPage"), status_code=303)
async def put_account_by_page(request: Visit) -> Response[bytes]:
    """Make a user or group, or change customer and name. A field that is left empty changes nothing."""
    form = await fields_of(request)
    kind = form.get("kind", "")
    if kind not in ("user", "group"):
        raise invalid("kind", "Choose whether the account is a user or a group.")
    short_name = _short_name(form)
    async with request.bank.database.connection() as db:
        known = await upkeep.find(db, short_name)
    before = {} if known is None or known.removed_time else {"customer": known.customer, "name": known.name}
    given = before | _filled(form, "customer", "name")
    if "customer" not in given:
        raise invalid("customer", "Choose the customer of the new account.")
    await put_account(request, kind, short_name, _read(request, AccountPutRequest, given))
    return request.to(f"accounts/{short_name}")


@post("/accounts/{short_name:str}/remove", opt=changing("removeAccountByPage"), status_code=303)
async def remove_account_by_page(request: Visit) -> Response[bytes]:
    """Remove a user or group, once the visitor has written the name."""
    short_name = name_in(request, "short_name")
    _require_sure(await fields_of(request), short_name)
    async with request.bank.database.connection() as db:
        found = await upkeep.find(db, short_name)
    await remove_account(request, "user" if found is None else found.kind, short_name)
    return request.to(f"accounts/{short_name}")


@post("/accounts/{short_name:str}/grants", opt=changing("addGrantByPage"), status_code=303)
async def add_grant_by_page(request: Visit) -> Response[bytes]:
    """Give a role for a customer."""
    return await _change_grant(request, upkeep.add_grant)


@post("/accounts/{short_name:str}/grants/remove", opt=changing("removeGrantByPage"), status_code=303)
async def remove_grant_by_page(request: Visit) -> Response[bytes]:
    """Take a grant back."""
    return await _change_grant(request, upkeep.remove_grant)


@post("/accounts/{short_name:str}/members", opt=changing("addMemberByPage"), status_code=303)
async def add_member_by_page(request: Visit) -> Response[bytes]:
    """Put a user into the group."""
    return await _change_member(request, upkeep.add_member)


@post("/accounts/{short_name:str}/members/remove", opt=changing("removeMemberByPage"), status_code=303)
async def remove_member_by_page(request: Visit) -> Response[bytes]:
    """Take a user out of the group."""
    return await _change_member(request, upkeep.remove_member)


@post("/customers", opt=changing("putCustomerByPage"), status_code=303)
async def put_customer_by_page(request: Visit) -> Response[bytes]:
    """Make a customer, or change name, domain and parent. A field that is left empty changes nothing."""
    form = await fields_of(request)
    short_name = _short_name(form)
    async with request.bank.database.connection() as db:
        before = await _customer_before(db, short_name, form.get("parent", ""))
    given = {"name": short_name} | before | _filled(form, "name", "domain", "parent")
    if "domain" not in given:
        raise invalid("domain", "Write the domain of the new customer.")
    if given.get("parent") == NOBODY:
        del given["parent"]
    await put(request, short_name, _read(request, CustomerPutRequest, given))
    return request.to("accounts#customers")


@post("/customers/{short_name:str}/remove", opt=changing("removeCustomerByPage"), status_code=303)
async def remove_customer_by_page(request: Visit) -> Response[bytes]:
    """Remove a customer to whom nothing belongs, once the visitor has written the name."""
    short_name = name_in(request, "short_name")
    _require_sure(await fields_of(request), short_name)
    await remove(request, short_name)
    return request.to("accounts#customers")


async def fields_of(request: Visit) -> dict[str, str]:
    """The first value of each field of the form, without blanks around."""
    request.read_query(NoQuery)
    return {name: values[0].strip() for name, values in (await request.read_form()).items()}


async def _change_grant(request: Visit, change: Any) -> Response[bytes]:
    form, short_name = await fields_of(request), name_in(request, "short_name")
    await change_grant(request, change, short_name, form.get("role", ""), form.get("customer", ""))
    return request.to(f"accounts/{short_name}#grants")


async def _change_member(request: Visit, change: Any) -> Response[bytes]:
    form, short_name = await fields_of(request), name_in(request, "short_name")
    await change_member(request, change, short_name, form.get("user", ""))
    return request.to(f"accounts/{short_name}#members")


async def _customer_before(db: Connection, short_name: str, parent: str) -> dict[str, str]:
    """What stands of a customer. A new customer is of the domain of the parent."""
    known = await customers.find(db, short_name)
    if known is None or known.removed_time is not None:
        above = await customers.find(db, parent) if parent not in {"", NOBODY} else None
        return {} if above is None else {"domain": above.domain}
    before = {"name": known.name, "domain": known.domain}
    return before if known.parent is None else before | {"parent": known.parent}


def _filled(form: dict[str, str], *names: str) -> dict[str, str]:
    """The fields that were filled in, of these."""
    return {name: form[name] for name in names if form.get(name)}


def _short_name(form: dict[str, str]) -> str:
    given = form.get("shortName", "")
    violations = Violations()
    check_short_name("shortName", given, violations)
    violations.raise_if_any()
    return given


def _read(request: Visit, shape: type[Any], given: dict[str, str]) -> Any:
    return Document(msgspec.json.encode(given), shape).read(request.now)


def _require_sure(form: dict[str, str], short_name: str) -> None:
    if form.get("sure") != short_name:
        raise invalid("sure", NOT_SURE)


ROUTES = [
    show_accounts,
    show_account_of,
    put_account_by_page,
    remove_account_by_page,
    add_grant_by_page,
    remove_grant_by_page,
    add_member_by_page,
    remove_member_by_page,
    put_customer_by_page,
    remove_customer_by_page,
]
