"""The stream of a visible tab: which of the things that the tab shows have changed."""

from typing import Annotated, Final
from uuid import UUID

from litestar import get
from msgspec import Meta

from samplebank.accounts.model import Permission
from samplebank.database.identifiers import find_id
from samplebank.errors import Unauthenticated, Violations
from samplebank.http.operation import operation
from samplebank.http.shapes import Body
from samplebank.http.streaming import Pieces, Streamed
from samplebank.hunts import queries as hunts
from samplebank.jobs.queries import visible_among
from samplebank.service_tasks import queries
from samplebank.web.entrance import NOT_SIGNED_IN
from samplebank.web.headers import PAGE
from samplebank.web.live import JOBS, Hub, Tab, Watch
from samplebank.web.visit import Visit

#: the most topics of a stream
MOST: Final = 50
EVENTS: Final = "text/event-stream"
#: proxies are to pass each event on at once
HEADERS: Final = {**PAGE, "X-Accel-Buffering": "no"}
#: milliseconds after which a browser comes again
BEGIN: Final = b"retry: 3000\n\n"
HEARTBEAT: Final = b":\n\n"
NO_TOPIC: Final = "A topic is job:ID, batch:ID, task:ID, hunt:ID or list:jobs."


class LiveQuery(Body):
    on: Annotated[list[Annotated[str, Meta(max_length=60)]], Meta(max_length=MOST)] | None = None


@get("/live", opt=operation("followChanges", unheeded=True, aside=True))
async def follow(request: Visit) -> Streamed:
    """Tell which topics change, as long as the tab listens. Topics that the visitor may not see never change."""
    visitor = request.visitor
    if visitor is None:
        raise Unauthenticated(NOT_SIGNED_IN)
    hub: Hub = request.app.state.hub
    watch = await _read_watch(request)
    tab = Tab(visitor, watch, request.bank.directory.version)
    pieces = await request.opened(_told(hub, tab))
    return Streamed(pieces, status=200, media_type=EVENTS, headers=HEADERS)


async def _told(hub: Hub, tab: Tab) -> Pieces:
    with hub.joined(tab):
        for batch in tab.watch.batches:
            await hub.follow_batch(tab, batch)
        yield BEGIN
        while tab.watch and not tab.is_over:
            topics = await tab.news()
            yield b"".join(f"event: {topic}\ndata:\n\n".encode() for topic in topics) or HEARTBEAT


async def _read_watch(request: Visit) -> Watch:
    """What the tab shows, of that what the visitor may see. Raises `Invalid`."""
    violations = Violations()
    wanted: dict[str, list[UUID]] = {"job": [], "batch": [], "task": [], "hunt": []}
    lists_jobs = False
    for position, topic in enumerate(request.read_query(LiveQuery).on or ()):
        kind, _, name = topic.partition(":")
        id_ = find_id(name)
        if topic == JOBS:
            lists_jobs = True
        elif kind in wanted and id_ is not None:
            wanted[kind].append(id_)
        else:
            violations.add(f"on[{position}]", NO_TOPIC)
    violations.raise_if_any()
    seen = await _seen(request, wanted["job"], wanted["task"], wanted["hunt"])
    lists_jobs = lists_jobs and request.caller.holds(Permission.VIEW_JOBS)
    return Watch(seen, wanted["batch"], lists_jobs=lists_jobs)


async def _seen(request: Visit, jobs: list[UUID], tasks: list[UUID], hunts_: list[UUID]) -> dict[UUID, str]:
    """The topics of the jobs, the service tasks and the hunts that the visitor may see."""
    caller = request.caller
    async with request.bank.database.connection() as db:
        seen = await visible_among(db, caller, jobs, Permission.VIEW_JOBS) if jobs else []
        own = await queries.visible_among(db, caller, tasks) if tasks else []
        hunted = await hunts.visible_among(db, caller, hunts_) if hunts_ else []
    topics = {"job": seen, "task": own, "hunt": hunted}
    return {id_: f"{kind}:{id_}" for kind, ids in topics.items() for id_ in ids}


ROUTES = [follow]
