"""Hunts: run rules over stored samples, follow a hunt, read its hits, cancel a hunt."""

from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Response, delete, get, post
from msgspec import Meta

from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Customer, Permission
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.api.hunting import checked_rules
from samplebank.api.people import CustomerInfo, UserInfo
from samplebank.api.repeated_requests import repeatable
from samplebank.api.search.queries import samples_of
from samplebank.database.signals import Signal
from samplebank.errors import Forbidden, Invalid, Violation, Violations
from samplebank.http.exchange import Exchange
from samplebank.http.operation import EXTENSIONS, operation
from samplebank.http.reader import find_customer
from samplebank.http.shapes import Body, Int64, NoQuery, PageQuery, Shown, Time, Unique
from samplebank.http.streaming import Streamed
from samplebank.http.turns import Within
from samplebank.http.validation import read_time
from samplebank.hunts import opening, queries
from samplebank.hunts.model import MOST_SAMPLES, Hunt
from samplebank.query.parsing import LONGEST
from samplebank.timespec import Millis
from samplebank.worker.hunting.messages import MOST_RULES_BYTES

HUNTS = f"{EXTENSIONS}/hunt"
ONE = f"{HUNTS}/{{hunt_id:str}}"
State = Literal["enqueued", "executing", "done", "cancelled"]
NOT_FOR = "You do not hold the permission reanalyseSample for this customer, for which you would hunt."
NOT_YOURS = "A hunt is cancelled by its user, or with the permission reanalyseSample for its customer."
WAITS = (
    "The customer's hunts have looked at as many bytes today as a customer may; the hunt goes on by itself."
)


class HuntRequest(Body):
    """What to hunt for. Without bounds and query, every sample is looked at that the caller may download."""

    rules: Annotated[str, Meta(min_length=1, max_length=MOST_RULES_BYTES)]
    query: Annotated[str, Meta(max_length=LONGEST)] = ""
    since: Time = None
    until: Time = None
    customer: int | str | None = None


class HuntListQuery(PageQuery):
    state: Unique[State] | None = None


class HuntResponse(Shown):
    """`samples` and `bytes` are all that the hunt looks at. `waitsUntil` is told while the budget of the customer is used up.

    `passedOver` counts the samples that were deleted meanwhile. `hits` counts the hits that the caller may see; lists tell neither
    hits nor rules.
    """

    id: UUID
    state: State
    customer: CustomerInfo
    created_by_user: UserInfo
    query: str
    rule_count: int
    samples: Int64
    bytes: Int64
    scanned: Int64
    scanned_bytes: Int64
    unscanned: Int64
    passed_over: Int64
    message: str
    created_timestamp: int
    since_timestamp: int | None = None
    until_timestamp: int | None = None
    start_timestamp: int | None = None
    end_timestamp: int | None = None
    waits_until: int | None = None
    first_hit_timestamp: int | None = None
    hits: int | None = None
    rules: str | None = None


class HuntHit(Shown):
    """A sample with the rules that matched, the highest score first."""

    sha256: str
    size: Int64
    matches: list[dict[str, Any]]
    found_timestamp: int
    type: str | None = None


@post(
    HUNTS,
    opt=operation(
        "hunt",
        Permission.REANALYSE,
        query=NoQuery,
        body=HuntRequest,
        answers=HuntResponse,
        status=201,
        keyed=True,
    ),
    status_code=201,
)
@repeatable
async def hunt(request: Call) -> Answer:
    """Run YARA rules over stored samples, the newest first. What is stored later is no part of the hunt."""
    document = await request.document(HuntRequest, extra=MOST_RULES_BYTES)
    request.read_query(NoQuery)
    id_ = await begin(request, document.read(request.now))
    async with request.bank.database.connection() as db:
        found = await queries.get_visible(db, request.caller, str(id_))
    return await request.show((found, queries.NO_HITS, request.now), show_hunt, 201)


async def begin(request: Exchange, wanted: HuntRequest) -> UUID:
    """Open a hunt; answers the id. Raises `Invalid` with every violation, `Forbidden`, `Conflict` and `Unavailable`."""
    violations = Violations()
    customer = _customer_of(request, wanted, violations)
    since = read_time(violations, "since", wanted.since, request.now)
    until = read_time(violations, "until", wanted.until, request.now)
    if since is not None and until is not None and since > until:
        violations.add("since", "since is after until.")
    violations.raise_if_any()
    if customer is None or not request.caller.may(Permission.REANALYSE, customer.id):
        raise Forbidden(NOT_FOR)
    among = await _found(request, wanted.query) if wanted.query.strip() else None
    wish = opening.Wish(
        customer_id=customer.id,
        rules=wanted.rules,
        rule_count=await checked_rules(request, wanted.rules),
        query=wanted.query.strip(),
        since=since,
        until=until,
        among=among,
    )
    async with request.bank.database.transaction() as db:
        done = await opening.open_hunt(db, request.caller, wish, now=request.now)
        while not done.is_whole:
            with Within(request.bank.settings.search_timeout):  # for a part of the samples
                done = await opening.cut(db, request.caller, wish, done, now=request.now)
        await request.record(db, target=done.hunt, details={"samples": done.samples})
    request.bank.signals.send(Signal.HUNTS)
    return done.hunt


def _customer_of(request: Exchange, wanted: HuntRequest, violations: Violations) -> Customer | None:
    if wanted.customer is None:
        return request.caller.user.customer
    return find_customer(violations, "customer", wanted.customer, request.caller, request.bank.directory)


async def _found(request: Exchange, query: str) -> list[int]:
    """The samples that a query finds. Raises `Invalid` for too many."""
    listing = samples_of(request, query, field="query")

    async def search() -> list[int]:
        async with request.bank.database.connection() as db:
            return await listing.stored_ids(db, MOST_SAMPLES + 1)

    found = await request.dearly(search)
    if len(found) > MOST_SAMPLES:
        raise Invalid(Violation(opening.TOO_MANY, "query"))
    return found


@get(HUNTS, opt=operation("listHunts", Permission.VIEW_JOBS, query=HuntListQuery, answers=list[HuntResponse]))
async def list_hunts(request: Call) -> Response[bytes] | Streamed:
    """List the caller's hunts and those of customers whose jobs the caller sees, newest first. The rules are not told."""
    query = request.read_query(HuntListQuery)
    listing = queries.hunts_matching(request.caller, list(query.state) if query.state else None)
    return await request.show_list(
        listing, query.page(), lambda row, directory: show_hunt((row, None, request.now), directory)
    )


@get(ONE, opt=operation("getHunt", Permission.VIEW_JOBS, query=NoQuery, answers=HuntResponse))
async def get_hunt(request: Call) -> Answer:
    """Get a hunt with its rules and its progress."""
    async with request.bank.database.connection() as db:
        found = await queries.get_visible(db, request.caller, request.path("hunt_id"))
        request.read_query(NoQuery)
        hits = await queries.look_at_hits(db, request.caller, found)
    return await request.show((found, hits, request.now), show_hunt)


@get(
    f"{ONE}/hits", opt=operation("listHuntHits", Permission.VIEW_JOBS, query=PageQuery, answers=list[HuntHit])
)
async def list_hits(request: Call) -> Response[bytes] | Streamed:
    """List the samples that the rules match and that the caller may download, the newest samples first."""
    async with request.bank.database.connection() as db:
        found = await queries.get_visible(db, request.caller, request.path("hunt_id"))
    query = request.read_query(PageQuery)
    return await request.show_list(queries.hits_of(request.caller, found.id), query.page(), show_hit)


@delete(
    ONE,
    opt=operation("cancelHunt", Permission.VIEW_JOBS, query=NoQuery, answers=HuntResponse),
    status_code=200,
)
async def cancel_hunt(request: Call) -> Answer:
    """Cancel a hunt. What was found stays found. Cancelling a cancelled hunt changes nothing."""
    id_ = request.path("hunt_id")
    async with request.bank.database.connection() as db:
        found = await queries.get_visible(db, request.caller, id_)
        request.read_query(NoQuery)
    await end(request, found)
    async with request.bank.database.connection() as db:
        found = await queries.get_visible(db, request.caller, id_)
        hits = await queries.look_at_hits(db, request.caller, found)
    return await request.show((found, hits, request.now), show_hunt)


async def end(request: Exchange, found: Hunt) -> None:
    """Cancel a hunt that the caller sees. Raises `Forbidden`, and `Conflict` for a hunt that is done."""
    if not queries.may_cancel(request.caller, found):
        raise Forbidden(NOT_YOURS)
    async with request.bank.database.transaction() as db:
        await opening.cancel(db, found.id, request.caller.user.short_name, now=request.now)
        await request.record(db, target=found.id)
    request.bank.signals.tell(found.id)


def show_hunt(row: tuple[Hunt, queries.VisibleHits | None, Millis], directory: Directory) -> HuntResponse:
    """Show a hunt, at a time. The hits are None in a list."""
    found, hits, now = row
    is_whole = hits is not None
    waits_until = found.waits_until(now)
    return HuntResponse(
        id=found.id,
        state=found.state,  # type: ignore[arg-type]  # the database checks it
        customer=CustomerInfo.of(directory.customer(found.customer_id)),
        created_by_user=UserInfo.of(directory.subject(found.user_id)),
        query=found.query,
        rule_count=found.rule_count,
        samples=found.samples,
        bytes=found.bytes,
        scanned=found.scanned,
        scanned_bytes=found.scanned_bytes,
        unscanned=found.unscanned,
        passed_over=found.passed_over,
        hits=None if hits is None else hits.number,
        message=WAITS if waits_until else found.message,
        created_timestamp=found.created_time,
        since_timestamp=found.since_time,
        until_timestamp=found.until_time,
        start_timestamp=found.start_time,
        end_timestamp=found.end_time,
        waits_until=waits_until,
        first_hit_timestamp=None if hits is None else hits.first_time,
        rules=found.rules if is_whole else None,
    )


def show_hit(row: queries.HitRow, _: Directory) -> HuntHit:
    return HuntHit(row.sha256.hex(), row.size, row.matches, row.found_time, row.type)


ROUTES = [hunt, list_hunts, get_hunt, list_hits, cancel_hunt]
