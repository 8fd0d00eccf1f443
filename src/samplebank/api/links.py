"""Links between samples: list links, count links, add a link."""

from typing import Any, Literal
from uuid import UUID

from litestar import Response, get, post

from samplebank.accounts.caller import readers
from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api.acl import read_acl
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.api.people import AccessControl, CustomerInfo, Tlp, UserAgent, UserAgentRequest, UserInfo
from samplebank.api.repeated_requests import repeatable
from samplebank.api.samples import SampleMetaData, show_sample
from samplebank.database.signals import Signal
from samplebank.errors import Violations
from samplebank.http.operation import V2, operation
from samplebank.http.reader import find_customer
from samplebank.http.shapes import Body, NoQuery, PageQuery, Shown, Unique
from samplebank.http.streaming import Streamed
from samplebank.samples import links
from samplebank.samples.links import NewLink
from samplebank.samples.model import SHA256, pasted
from samplebank.search.overview import Overview, Overviews
from samplebank.search.references import Reference, References, follow

LinkType = Literal["parent", "child", "downloads", "loads", "executes"]


class LinkAddRequest(Body):
    reference: str
    tlp: Tlp
    type: LinkType
    user_agent: UserAgentRequest
    customer: int | str | None = None
    acl: Unique[int | str] | None = None


class Link(Shown):
    id: UUID
    sample_sha256: str
    type: LinkType
    customer: CustomerInfo
    tlp: Tlp
    acl: list[AccessControl]
    user_agent: UserAgent
    flags: Unique[Literal["deadReference"]]
    created_by_user: UserInfo
    created_timestamp: int
    referenced_sample: SampleMetaData | None = None


class LinkTypeSummary(Shown):
    type: LinkType
    count: int


class LinkSummaryResponse(Shown):
    link_type_summary: list[LinkTypeSummary]
    flags: Unique[Literal["incompleteTypeCount"]]


def show_link(row: Reference[Overview], directory: Directory) -> Link:
    link, sample = row.link, row.sample
    return Link(
        id=link.id,
        sample_sha256=link.sha256.hex(),
        type=link.type,  # type: ignore[arg-type]  # the database checks it
        customer=CustomerInfo.of(directory.customer(link.customer_id)),
        tlp=link.tlp,  # type: ignore[arg-type]  # the database checks it
        acl=AccessControl.of(link.acl, link.user_id, link.created_time, directory),
        user_agent=UserAgent(link.agent_name, link.agent_version),
        flags=["deadReference"] if sample is None else [],
        created_by_user=UserInfo.of(directory.subject(link.user_id)),
        created_timestamp=link.created_time,
        referenced_sample=None if sample is None else show_sample(sample, directory),
    )


@get(
    f"{V2}/sample/{{sha256:str}}/link",
    opt=operation("listLinks", Permission.VIEW_ANALYSIS, query=PageQuery, answers=list[Link]),
)
async def list_links(request: Call) -> Response[bytes] | Streamed:
    """List the links of the sample that the caller may see, newest first."""
    sample = await request.visible_sample(Permission.VIEW_ANALYSIS)
    page = request.read_query(PageQuery).page()
    caller = request.caller
    listing = References(caller, links.links_of(caller, sample), Overviews(caller))
    return await request.show_list(listing, page, show_link)


@get(
    f"{V2}/sample/{{sha256:str}}/link/summary",
    opt=operation("getLinkSummary", Permission.VIEW_ANALYSIS, query=NoQuery, answers=LinkSummaryResponse),
)
async def get_summary(request: Call) -> Answer:
    """Count the links that the caller may see, by type."""
    sample = await request.visible_sample(Permission.VIEW_ANALYSIS)
    request.read_query(NoQuery)
    async with request.bank.database.connection() as db:
        counted = await links.count_by_type(db, request.caller, sample)
    return await request.show(counted, _show_summary)


def _show_summary(counted: list[tuple[Any, int]], _: Directory) -> LinkSummaryResponse:
    return LinkSummaryResponse([LinkTypeSummary(type_, count) for type_, count in counted], [])


@get(
    f"{V2}/sample/{{sha256:str}}/link/{{link_id:str}}",
    opt=operation("getLink", Permission.VIEW_ANALYSIS, query=NoQuery, answers=Link),
)
async def get_link(request: Call) -> Answer:
    sample = await request.visible_sample(Permission.VIEW_ANALYSIS)
    async with request.bank.database.connection() as db:
        link = await links.get_visible_link(db, request.caller, sample, request.path("link_id"))
        (row,) = await follow(db, request.caller, [link])
    request.read_query(NoQuery)
    return await request.show(row, show_link)


@post(
    f"{V2}/sample/{{sha256:str}}/link",
    opt=operation(
        "addLink",
        Permission.ADD_ANALYSIS,
        query=NoQuery,
        body=LinkAddRequest,
        answers=Link,
        status=201,
        keyed=True,
    ),
)
@repeatable
async def add_link(request: Call) -> Answer:
    """Add a link to another sample, which need not be stored."""
    document = await request.document(LinkAddRequest)
    sample = await request.visible_sample(Permission.ADD_ANALYSIS)
    request.read_query(NoQuery)
    new = await read_link(request, document.read(request.now))
    async with request.bank.database.transaction() as db:
        id_ = await links.add(db, sample.sha256, new, user_id=request.caller.user.id, now=request.now)
        await request.record(db, sha256=sample.sha256, details={"link": str(id_)})
        (row,) = await follow(db, request.caller, [await links.get_link(db, id_)])
    request.bank.signals.send(Signal.EVENTS)
    return await request.show(row, show_link, 201)


async def read_link(request: Call, data: LinkAddRequest) -> NewLink:
    """Read the link to store.

    Raises `Invalid` with every violation, `Forbidden` when the caller may not add analyses for the customer.
    """
    directory, caller = request.bank.directory, request.caller
    violations = Violations()
    reference = pasted(data.reference)
    if not SHA256.fullmatch(reference):
        violations.add("reference", f"{data.reference[:100]!r} is not a SHA-256.")
    customer = caller.user.customer
    if data.customer is not None:
        customer = find_customer(violations, "customer", data.customer, caller, directory) or customer
    acl = await read_acl(request, violations, data.acl)
    violations.raise_if_any()
    caller.require(Permission.ADD_ANALYSIS, customer)
    return NewLink(
        reference=bytes.fromhex(reference),
        type=data.type,
        customer_id=customer.id,
        tlp=data.tlp,
        acl=acl,
        readers=readers(customer, data.tlp, acl),
        agent_name=data.user_agent.name,
        agent_version=data.user_agent.version,
    )


ROUTES = [list_links, get_summary, get_link, add_link]
