"""Accounts: users, groups and customers, for whoever manages accounts for every customer."""

from functools import partial
from typing import Any, ClassVar, Final

import msgspec
from litestar import Response, get, post

from samplebank.accounts import customers, upkeep
from samplebank.accounts.customers import CustomerRow
from samplebank.accounts.upkeep import Account
from samplebank.api.accounts import (
    AccountPutRequest,
    changing,
    check_short_name,
    managing,
    name_in,
    put_account,
)
from samplebank.api.customers import CustomerPutRequest, put, remove
from samplebank.database import Connection
from samplebank.database import Page as Part
from samplebank.errors import Violations, invalid
from samplebank.http.shapes import Body, Offset
from samplebank.http.validation import Document
from samplebank.web.copying import Copied, of_accounts
from samplebank.web.pages.returned import NOTHING, Form, Returned, by_form
from samplebank.web.rendering import Page
from samplebank.web.visit import Visit

#: accounts on a page; customers on a page, which forms offer: beyond, short names have to be written
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
    are too many to offer. `returned` is the form that was not taken.
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
    returned: Returned
    copied: Copied


@get("/accounts", opt=managing("showAccounts", query=AccountsQuery))
async def show_accounts(request: Visit) -> Response[bytes]:
    """List users and groups, then customers, with forms to make some."""
    return request.page(await _accounts(request, request.read_query(AccountsQuery), NOTHING))


async def _accounts(request: Visit, query: AccountsQuery, returned: Returned) -> AccountsPage:
    listing = upkeep.accounts_matching()
    async with request.reading() as db:
        found = await listing.page(db, Part(MOST, query.offset))
        number = await upkeep.number_of_accounts(db)
        firms = await customers.customers_matching().page(db, Part(MOST_CUSTOMERS + 1, query.customers))
    end = query.offset + len(found)
    return AccountsPage(
        accounts=found,
        number=number,
        newer=max(0, query.offset - MOST) if query.offset else None,
        older=end if end < number else None,
        customers=firms[:MOST_CUSTOMERS],
        customers_before=max(0, query.customers - MOST_CUSTOMERS) if query.customers else None,
        customers_after=query.customers + MOST_CUSTOMERS if len(firms) > MOST_CUSTOMERS else None,
        offered=[] if query.customers else offered(firms),
        returned=returned,
        copied=of_accounts(request.address),
    )


def offered(firms: list[CustomerRow]) -> list[str]:
    """The customers to choose from; none where there are more than a form can offer."""
    return (
        [] if len(firms) > MOST_CUSTOMERS else [one.short_name for one in firms if one.removed_time is None]
    )


@post("/accounts", opt=changing("putAccountByPage"), status_code=303)
async def put_account_by_page(request: Visit) -> Response[bytes]:
    """Make a user or group, or change customer and name. A field that is left empty changes nothing."""

    async def change(form: Form) -> Response[bytes]:
        return request.to(f"accounts/{await _put_account(request, form)}")

    return await by_form(request, "account", change, partial(_accounts, request, AccountsQuery()))


async def _put_account(request: Visit, form: Form) -> str:
    """Make or change an account. Answers its short name."""
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
    return short_name


@post("/customers", opt=changing("putCustomerByPage"), status_code=303)
async def put_customer_by_page(request: Visit) -> Response[bytes]:
    """Make a customer, or change name, domain and parent. A field that is left empty changes nothing."""

    async def change(form: Form) -> Response[bytes]:
        await _put_customer(request, form)
        return request.to("accounts#customers")

    return await by_form(request, "customer", change, partial(_accounts, request, AccountsQuery()))


async def _put_customer(request: Visit, form: Form) -> None:
    short_name = _short_name(form)
    async with request.bank.database.connection() as db:
        before = await _customer_before(db, short_name, form.get("parent", ""))
    given = {"name": short_name} | before | _filled(form, "name", "domain", "parent")
    if "domain" not in given:
        raise invalid("domain", "Write the domain of the new customer.")
    if given.get("parent") == NOBODY:
        del given["parent"]
    await put(request, short_name, _read(request, CustomerPutRequest, given))


@post("/customers/{short_name:str}/remove", opt=changing("removeCustomerByPage"), status_code=303)
async def remove_customer_by_page(request: Visit) -> Response[bytes]:
    """Remove a customer to whom nothing belongs, once the visitor has written the name."""
    short_name = name_in(request, "short_name")

    async def change(form: Form) -> Response[bytes]:
        require_sure(form, short_name)
        await remove(request, short_name)
        return request.to("accounts#customers")

    # the line of the customer may be on another part of the list
    fields = {"sure": ""}
    return await by_form(request, "removal", change, partial(_accounts, request, AccountsQuery()), fields)


async def _customer_before(db: Connection, short_name: str, parent: str) -> dict[str, str]:
    """What stands of a customer. A new customer is of the domain of the parent."""
    known = await customers.find(db, short_name)
    if known is None or known.removed_time is not None:
        above = await customers.find(db, parent) if parent not in {"", NOBODY} else None
        return {} if above is None else {"domain": above.domain}
    before = {"name": known.name, "domain": known.domain}
    return before if known.parent is None else before | {"parent": known.parent}


def _filled(form: Form, *names: str) -> dict[str, str]:
    """The fields that were filled in, of these."""
    return {name: form[name] for name in names if form.get(name)}


def _short_name(form: Form) -> str:
    given = form.get("shortName", "")
    violations = Violations()
    check_short_name("shortName", given, violations)
    violations.raise_if_any()
    return given


def _read(request: Visit, shape: type[Any], given: dict[str, str]) -> Any:
    return Document(msgspec.json.encode(given), shape).read(request.now)


def require_sure(form: Form, short_name: str) -> None:
    """Raise `Invalid` unless the visitor has written the name of what is to be removed."""
    if form.get("sure") != short_name:
        raise invalid("sure", NOT_SURE)


ROUTES = [show_accounts, put_account_by_page, put_customer_by_page, remove_customer_by_page]
