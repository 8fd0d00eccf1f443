"""The ledger: who did what, when, from where, by which key."""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Response, get
from msgspec import Meta

from samplebank.accounts.caller import Caller, unseen
from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api.call import Call
from samplebank.api.cursors import After
from samplebank.api.people import CustomerInfo, UserInfo
from samplebank.audit.model import LONGEST
from samplebank.audit.queries import SORTS, AuditFilter, AuditListing, Line, entries_matching, knows_actor
from samplebank.errors import Violations
from samplebank.http.operation import EXTENSIONS, operation
from samplebank.http.shapes import PageQuery, Shown, Time, Unique, unless_given
from samplebank.http.streaming import Streamed
from samplebank.http.validation import read_time
from samplebank.samples.model import SHA256

Kind = Literal["read", "download", "change", "deletion", "access"]
Short = Annotated[str, Meta(max_length=LONGEST)]


class AuditQuery(PageQuery):
    """`customer` finds the acts of the customer's users, and the acts on the customer's samples."""

    kind: Unique[Kind] | None = None
    action: Unique[Short] | None = None
    user: Short | None = None
    key: UUID | None = None
    customer: Short | None = None
    sample: Short | None = None
    target: Short | None = None
    since: Time = None
    until: Time = None
    sort_by: Annotated[Literal["-timestamp", "timestamp"] | None, unless_given(SORTS[0])] = None
    after: After | None = None


class AuditActor(Shown):
    """Who acted. Of `other`, somebody of a customer that the caller may not know of, nothing more is told."""

    type: Literal["user", "service", "operator", "other"]
    user: UserInfo | None = None
    key_id: UUID | None = msgspec.field(name="keyID", default=None)
    session_id: UUID | None = msgspec.field(name="sessionID", default=None)
    address: str | None = None
    request_id: str | None = msgspec.field(name="requestID", default=None)


class AuditEntry(Shown):
    """An act. `action` is the operation of the interface or page, or the command. `target` is what is no sample.

    `customers` are the customers whose samples the act is about, among those of the caller. `count` are equal acts within a
    second or so.
    """

    id: UUID
    timestamp: int
    kind: Kind
    action: str
    outcome: Literal["done", "refused"]
    count: int
    actor: AuditActor
    customers: list[CustomerInfo]
    sample_sha256: str | None = None
    target: str | None = None
    details: dict[str, Any] | None = None


@get(
    f"{EXTENSIONS}/audit",
    opt=operation("listAudit", Permission.VIEW_AUDIT, query=AuditQuery, answers=list[AuditEntry]),
)
async def list_audit(request: Call) -> Response[bytes] | Streamed:
    """List the entries of the ledger that the caller may read, newest first. `metaData.next` is the cursor of the next page."""
    query = request.read_query(AuditQuery)
    listing = listing_of(request, query)
    show = shown_to(request.caller)
    return await request.show_list_behind(listing, query.page(), show, asked=query, after=query.after)


def listing_of(request: Call, query: AuditQuery) -> AuditListing:
    """The entries of a list. Raises `Invalid` with every violation."""
    return entries_matching(request.caller, read_filter(request, query), query.sort_by or SORTS[0])


def read_filter(request: Call, query: AuditQuery) -> AuditFilter:
    violations = Violations()
    directory, caller = request.bank.directory, request.caller
    since = read_time(violations, "since", query.since, request.now)
    until = read_time(violations, "until", query.until, request.now)
    if since is not None and until is not None and since > until:
        violations.add("since", "since is after until.")
    sample = None if query.sample is None else query.sample.strip()
    if sample is not None and not SHA256.fullmatch(sample):
        violations.add("sample", f"{sample[:100]!r} is not a SHA-256.")
    customer_id = (
        None if query.customer is None else _find_customer(violations, query.customer, caller, directory)
    )
    user_id = None if query.user is None else _find_user(violations, query.user, caller, directory)
    violations.raise_if_any()
    return AuditFilter(
        kinds=list(query.kind) if query.kind else None,
        actions=list(query.action) if query.action else None,
        user_id=user_id,
        key_id=query.key,
        customers=None if customer_id is None else [customer_id],
        sha256=None if sample is None else bytes.fromhex(sample),
        target=query.target,
        since=since,
        until=until,
    )


def _find_customer(
    violations: Violations, reference: str, caller: Caller, directory: Directory
) -> int | None:
    """Find the customer that a filter names. Unknown and invisible customers are refused with the same words.

    The caller's own customer is invisible where the caller may read the ledger for others only: the filter would tell which
    entries of the others have to do with the own customer.
    """
    customer = directory.find_customer(reference)
    if customer is None or not caller.may(Permission.VIEW_AUDIT, customer.id):
        violations.add("customer", unseen("customer", reference))
        return None
    return customer.id


def _find_user(violations: Violations, reference: str, caller: Caller, directory: Directory) -> int | None:
    """Find the user that a filter names. Unknown and invisible users are refused with the same words."""
    subject = directory.find_subject(reference)
    is_known = subject is not None and caller.may(Permission.VIEW_AUDIT, subject.customer.id)
    if subject is None or subject.kind != "user" or not is_known:
        violations.add("user", unseen("user", reference))
        return None
    return subject.id


def shown_to(caller: Caller) -> Any:
    """What a list shows of entries to the caller."""
    scope = caller.scope(Permission.VIEW_AUDIT)

    def show(line: Line, directory: Directory) -> AuditEntry:
        is_known = line.actor == "service" or knows_actor(caller, line)
        customers = [CustomerInfo.of(directory.customer(id_)) for id_ in line.owners if scope.covers(id_)]
        kind: Any = line.kind
        return AuditEntry(
            id=line.id,
            timestamp=line.time,
            kind=kind,
            action=line.action,
            outcome="refused" if line.is_refused else "done",
            count=line.count,
            actor=_show_actor(line, directory) if is_known else AuditActor("other"),
            customers=customers,
            sample_sha256=None if line.sha256 is None else line.sha256.hex(),
            target=line.target if is_known else None,
            details=line.details if is_known else None,
        )

    return show


def _show_actor(line: Line, directory: Directory) -> AuditActor:
    kind: Any = line.actor
    return AuditActor(
        type=kind,
        user=None if line.user_id is None else UserInfo.of(directory.subject(line.user_id)),
        key_id=line.key_id,
        session_id=line.session_id,
        address=line.address,
        request_id=line.request_id,
    )


ROUTES = [list_audit]
