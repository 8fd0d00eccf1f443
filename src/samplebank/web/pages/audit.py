"""The ledger: who did what, newest first, by what a form asks for."""

from typing import Annotated, ClassVar, Final, Literal

import msgspec
from litestar import Response, get
from msgspec import Meta

from samplebank.accounts.model import Permission
from samplebank.api.audit import AuditEntry, AuditQuery, listing_of, shown_to
from samplebank.api.cursors import After
from samplebank.audit.model import LONGEST, Kind
from samplebank.database import Page as Part
from samplebank.database.counting import Count
from samplebank.errors import Invalid
from samplebank.http.operation import operation
from samplebank.http.shapes import Body
from samplebank.timespec import Millis
from samplebank.web.copying import Copied, of_audit
from samplebank.web.rendering import Page
from samplebank.web.visit import Visit

#: entries on a page
MOST: Final = 50
BAD_REQUEST: Final = 400
#: the fields of the form, in their order
FIELDS: Final = ("kind", "action", "user", "customer", "sample", "target", "since", "until")
SEVERAL: Final = frozenset({"kind", "action"})
Short = Annotated[str, Meta(max_length=LONGEST)]


class AuditPageQuery(Body):
    """The fields of the form. Empty fields ask for nothing."""

    kind: Literal["", "read", "download", "change", "deletion", "access"] = ""
    action: Short = ""
    user: Short = ""
    customer: Short = ""
    sample: Short = ""
    target: Short = ""
    since: Short = ""
    until: Short = ""
    after: After | None = None


class Act(msgspec.Struct, frozen=True):
    """An entry, as a line of the list. `by` is a user, or what acted. `via` is the request, key and session."""

    time: Millis
    kind: str
    action: str
    is_refused: bool
    count: int
    by: str
    is_user: bool
    address: str | None
    via: str
    sha256: str | None
    target: str | None
    customers: list[str]
    details: str


class AuditPage(Page, frozen=True):
    """`count` is -1 where only `at_least` is known. With `mistakes` in the form there are no rows."""

    template: ClassVar[str] = "audit.html"
    section: ClassVar[str] = "audit"

    asked: dict[str, str]
    kinds: list[str]
    mistakes: list[str]
    rows: list[Act]
    count: int
    at_least: int
    older: str | None
    copied: Copied


@get("/audit", opt=operation("showAudit", Permission.VIEW_AUDIT))
async def show_audit(request: Visit) -> Response[bytes]:
    """Show the acts that the form asks for, newest first."""
    query = request.read_query(AuditPageQuery)
    asked = {name: getattr(query, name).strip() for name in FIELDS}
    try:
        wanted = msgspec.convert(_filters(asked), AuditQuery)
        listing = listing_of(request, wanted)
        _, found, older = await request.found_behind(
            listing, Part(limit=MOST), asked=query, after=query.after
        )
    except Invalid as error:
        mistakes = [violation.message for violation in error.violations]
        return request.page(_page(request, asked, mistakes=mistakes), BAD_REQUEST)
    show = shown_to(request.caller)
    rows = [act_of(show(line, request.bank.directory)) for line in ([] if found is None else found.rows)]
    shown = _page(request, asked, rows=rows, older=older)
    number = Count(0) if found is None else found.number
    return request.page(msgspec.structs.replace(shown, count=number.number, at_least=number.at_least))


def _filters(asked: dict[str, str]) -> dict[str, object]:
    """The fields that ask for something, as the interface takes them."""
    return {name: [value] if name in SEVERAL else value for name, value in asked.items() if value}


def _page(
    request: Visit,
    asked: dict[str, str],
    *,
    mistakes: list[str] | None = None,
    rows: list[Act] | None = None,
    older: str | None = None,
) -> AuditPage:
    given = {name: value for name, value in asked.items() if value}
    return AuditPage(
        asked=asked,
        kinds=list(Kind),
        mistakes=mistakes or [],
        rows=rows or [],
        count=0,
        at_least=0,
        older=older,
        copied=of_audit(request.address, given),
    )


def act_of(entry: AuditEntry) -> Act:
    """An entry as the page shows the entry."""
    actor = entry.actor
    ways = (("request", actor.request_id), ("key", actor.key_id), ("session", actor.session_id))
    return Act(
        time=entry.timestamp,
        kind=entry.kind,
        action=entry.action,
        is_refused=entry.outcome == "refused",
        count=entry.count,
        by=actor.type if actor.user is None else actor.user.short_name,
        is_user=actor.user is not None,
        address=actor.address,
        via=", ".join(f"{name} {value}" for name, value in ways if value is not None),
        sha256=entry.sample_sha256,
        target=entry.target,
        customers=[customer.short_name for customer in entry.customers],
        details=", ".join(f"{name} {value}" for name, value in (entry.details or {}).items()),
    )


ROUTES = [show_audit]
