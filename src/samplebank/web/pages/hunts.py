"""Hunts: the form for a hunt with the list of hunts, and the page of a hunt with progress and hits."""

from typing import ClassVar, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post

from samplebank.accounts.model import Permission
from samplebank.api import envelope
from samplebank.api.envelope import Answer
from samplebank.api.hunts import HuntRequest, begin, end
from samplebank.api.repeated_requests import once
from samplebank.api.service_tasks import SampleServiceTaskResponse
from samplebank.database import Page as Part
from samplebank.errors import Conflict, Forbidden, Invalid, TooMany, Unavailable, invalid
from samplebank.http.operation import operation
from samplebank.http.repeats import LONGEST
from samplebank.http.shapes import NoQuery, Offset
from samplebank.http.validation import Document
from samplebank.hunts import queries
from samplebank.hunts.model import Hunt
from samplebank.hunts.queries import HitRow
from samplebank.timespec import Millis
from samplebank.web.copying import Copied, of_hunts
from samplebank.web.pages.noting import NO_KEY, new_key
from samplebank.web.rendering import Page
from samplebank.web.visit import Visit

#: hunts of the list, and hits of a page
MOST_HUNTS, MOST_HITS = 50, 50
SPANS: Final = ("7 days", "30 days", "90 days", "1 year")
BAD_REQUEST: Final = 400
#: characters of the rules in a line of the list
LONGEST_BEGIN: Final = 80
#: lines of the compiler that the page shows
MOST_LINES: Final = 100


class OffsetQuery(msgspec.Struct, forbid_unknown_fields=True):
    offset: Offset = 0


class ListedHunt(msgspec.Struct, frozen=True):
    """A hunt, as a line of the list. `looked_at` counts samples."""

    id: UUID
    state: str
    first_rule: str
    query: str
    customer: str
    user: str
    created_time: Millis
    samples: int
    looked_at: int
    has_ended: bool


class HuntsPage(Page, frozen=True):
    """`rules`, `query`, `since` and `customer` are what the form holds. `mistakes` are lines about the form that was sent.

    `newer` and `older` are offsets of other hunts.
    """

    template: ClassVar[str] = "hunts.html"
    section: ClassVar[str] = "hunts"

    rows: list[ListedHunt]
    newer: int | None
    older: int | None
    copied: Copied
    mistakes: list[str]
    may_hunt: bool
    key: str
    rules: str
    query: str
    since: str
    spans: tuple[str, ...]
    customer: str


class HuntPage(Page, frozen=True):
    """`number` hits are for the visitor to see; the page shows those behind `offset`."""

    template: ClassVar[str] = "hunt.html"
    section: ClassVar[str] = "hunts"

    hunt: Hunt
    copied: Copied
    customer: str
    user: str
    looked_at: int
    hits: list[HitRow]
    number_of_hits: int
    offset: int
    page_size: int
    waits_until: Millis | None
    may_cancel: bool


@get("/hunts", opt=operation("showHunts", Permission.VIEW_JOBS))
async def show_hunts(request: Visit) -> Response[bytes]:
    """Show the hunts, the newest first, and the form for another."""
    query = request.read_query(OffsetQuery)
    return request.page(await _list(request, {}, [], query.offset))


@post("/hunts", opt=operation("huntByPage", Permission.REANALYSE), status_code=303)
async def start(request: Visit) -> Response[bytes]:
    """Begin a hunt. A form that is sent twice begins one hunt. A form with mistakes comes back with its mistakes."""
    request.read_query(NoQuery)
    form = {name: values[0] for name, values in (await request.read_form()).items()}
    key = form.get("key", "")
    if not 0 < len(key) <= LONGEST:
        raise invalid("key", NO_KEY)
    since = form.get("since", "")
    given = {
        # browsers end lines with CR and LF
        "rules": form.get("rules", "").replace("\r\n", "\n"),
        "query": form.get("query", "").strip(),
        "since": f"now - {since}" if since in SPANS else None,
        "customer": form.get("customer", "").strip() or None,
    }
    body = msgspec.json.encode(given)

    async def work() -> Answer:
        id_ = await begin(request, Document(body, HuntRequest).read(request.now))
        return envelope.single(SampleServiceTaskResponse(id_))

    try:
        answer = await once(request, key, body, work)
    except (Invalid, Conflict, Forbidden, TooMany, Unavailable) as error:
        lines = [line for one in error.violations for line in one.message.splitlines()]
        if more := len(lines[MOST_LINES:]):
            lines[MOST_LINES:] = [f"{more:,} more lines are not shown: mend these first."]
        status = error.status if isinstance(error, Forbidden) else BAD_REQUEST
        return request.page(await _list(request, form, lines), status)
    return request.to(f"hunts/{msgspec.json.decode(answer.content)['data']['correlationID']}")


@get("/hunts/{hunt_id:str}", opt=operation("showHunt", Permission.VIEW_JOBS))
async def show_hunt(request: Visit) -> Response[bytes]:
    """Show how far a hunt is, and the hits that the visitor may see."""
    query = request.read_query(OffsetQuery)
    async with request.reading() as db:
        found = await queries.get_visible(db, request.caller, request.path("hunt_id"))
        number = (await queries.look_at_hits(db, request.caller, found)).number
        listing = queries.hits_of(request.caller, found.id)
        hits = await listing.page(db, Part(limit=MOST_HITS, offset=query.offset)) if number else []
    directory = request.bank.directory
    return request.page(
        HuntPage(
            copied=of_hunts(request.address, str(found.id)),
            hunt=found,
            customer=directory.customer(found.customer_id).short_name,
            user=directory.subject(found.user_id).short_name,
            looked_at=_looked_at(found),
            hits=hits,
            number_of_hits=number,
            offset=query.offset,
            page_size=MOST_HITS,
            waits_until=found.waits_until(request.now),
            may_cancel=not found.has_ended and queries.may_cancel(request.caller, found),
        )
    )


@post("/hunts/{hunt_id:str}/cancel", opt=operation("cancelHuntByPage", Permission.VIEW_JOBS), status_code=303)
async def cancel(request: Visit) -> Response[bytes]:
    """Cancel a hunt. To cancel a hunt that has ended changes nothing."""
    request.read_query(NoQuery)
    await request.read_form()
    async with request.bank.database.connection() as db:
        found = await queries.get_visible(db, request.caller, request.path("hunt_id"))
    if not found.has_ended:
        await end(request, found)
    return request.to(f"hunts/{found.id}")


async def _list(request: Visit, form: dict[str, str], mistakes: list[str], offset: int = 0) -> HuntsPage:
    listing = queries.hunts_matching(request.caller, None)
    async with request.reading() as db:
        found = await listing.page(db, Part(MOST_HUNTS + 1, offset))
    own = request.caller.user.customer.short_name
    return HuntsPage(
        copied=of_hunts(request.address),
        rows=[_line(request, one) for one in found[:MOST_HUNTS]],
        newer=max(0, offset - MOST_HUNTS) if offset else None,
        older=offset + MOST_HUNTS if len(found) > MOST_HUNTS else None,
        mistakes=mistakes,
        may_hunt=request.caller.holds(Permission.REANALYSE),
        key=new_key(),
        rules=form.get("rules", ""),
        query=form.get("query", ""),
        since=form.get("since", ""),
        spans=SPANS,
        customer=form.get("customer", own),
    )


def _line(request: Visit, found: Hunt) -> ListedHunt:
    directory = request.bank.directory
    return ListedHunt(
        id=found.id,
        state=found.state,
        first_rule=_begin_of(found.rules),
        query=found.query,
        customer=directory.customer(found.customer_id).short_name,
        user=directory.subject(found.user_id).short_name,
        created_time=found.created_time,
        samples=found.samples,
        looked_at=_looked_at(found),
        has_ended=found.has_ended,
    )


def _begin_of(rules: str) -> str:
    """The begin of the rules as one line. An ellipsis tells that there is more."""
    line = " ".join(rules[: 5 * LONGEST_BEGIN].split())
    return line if len(line) <= LONGEST_BEGIN else f"{line[:LONGEST_BEGIN]} …"


def _looked_at(found: Hunt) -> int:
    return found.scanned + found.unscanned + found.passed_over


ROUTES = [show_hunts, start, show_hunt, cancel]
