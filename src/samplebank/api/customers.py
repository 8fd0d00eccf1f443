"""Customers, for whoever manages accounts for every customer."""

from litestar import Response, delete, get
from litestar import put as putting

from samplebank.accounts import customers
from samplebank.accounts.customers import CustomerRow
from samplebank.accounts.directory import Directory
from samplebank.accounts.tenants import CustomerEntry
from samplebank.api import envelope
from samplebank.api.accounts import changing, managing, name_in, read_put
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.http.operation import EXTENSIONS
from samplebank.http.shapes import Body, Named, NoQuery, PageQuery, ShortName, Shown
from samplebank.http.streaming import Streamed
from samplebank.timespec import Millis

ONE = f"{EXTENSIONS}/customers/{{short_name:str}}"


class CustomerPutRequest(Body):
    """Customers of a domain share what is TLP green. Permissions for the parent hold for the customer, too."""

    name: Named
    domain: Named
    parent: ShortName | None = None


class ListedCustomer(Shown):
    short_name: str
    name: str
    domain: str
    parent: str | None = None
    removed_timestamp: Millis | None = None


class EndedGrants(Shown):
    """How many grants for the customer ended."""

    grants: int


def show_customer(row: CustomerRow, _: Directory) -> ListedCustomer:
    return ListedCustomer(row.short_name, row.name, row.domain, row.parent, row.removed_time)


@get(f"{EXTENSIONS}/customers", opt=managing("listCustomers", query=PageQuery, answers=list[ListedCustomer]))
async def list_customers(request: Call) -> Response[bytes] | Streamed:
    """List customers by short name, removed ones as well."""
    page = request.read_query(PageQuery).page()
    return await request.show_list(customers.customers_matching(), page, show_customer)


@putting(ONE, opt=changing("putCustomer", body=CustomerPutRequest, answers=ListedCustomer))
async def put_customer(request: Call) -> Answer:
    """Make a customer, or change name, domain and parent. A removed customer is back, without grants."""
    short_name, data = await read_put(request, CustomerPutRequest)
    return await request.show(await put(request, short_name, data), show_customer)


async def put(request: Call, short_name: str, data: CustomerPutRequest) -> CustomerRow | None:
    """Make or change a customer. Raises `Invalid` for domain and parent."""
    entry = CustomerEntry(short_name, data.name, data.domain, data.parent)
    async with request.bank.database.transaction() as db:
        await customers.put(db, entry)
        await request.record(db, target=short_name, details={"domain": data.domain, "parent": data.parent})
        return await customers.find(db, short_name)


@delete(ONE, opt=changing("removeCustomer", answers=EndedGrants), status_code=200)
async def remove_customer(request: Call) -> Answer:
    """Remove a customer to whom nothing belongs: no user, group, customer below, submission, upload and job."""
    request.read_query(NoQuery)
    return envelope.single(EndedGrants(await remove(request, name_in(request, "short_name"))))


async def remove(request: Call, short_name: str) -> int:
    """Remove a customer; answers how many grants ended. Raises `NotFound` and `Conflict`."""
    async with request.bank.database.transaction() as db:
        ended = await customers.remove(db, short_name, now=request.now)
        await request.record(db, target=short_name)
    return ended


ROUTES = [list_customers, put_customer, remove_customer]
