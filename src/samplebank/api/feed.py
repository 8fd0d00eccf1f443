"""The feed: all events of rows that the caller may see, without gaps, by pages or as a stream of events."""

import math
import time
from collections.abc import Collection, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Final, Literal

import msgspec
from litestar import Response, get
from msgspec import Meta

from samplebank.accounts.caller import Caller, forbidden
from samplebank.api import envelope
from samplebank.api.call import Call
from samplebank.api.envelope import Answer, encode
from samplebank.api.feed_cursors import LATEST, check, cursor_at, place_of, read_cursor
from samplebank.api.followers import Follower, Followers
from samplebank.database import Connection, Page
from samplebank.database.counting import Count
from samplebank.errors import Forbidden, Gone, Unauthenticated
from samplebank.events import feed
from samplebank.feed import cloud_events, reading
from samplebank.feed.kinds import KINDS, NEEDS
from samplebank.feed.reading import Seen
from samplebank.http.guard import BAD_KEY, HEADER
from samplebank.http.operation import EXTENSIONS, operation
from samplebank.http.shapes import Body, Shown, Unique
from samplebank.http.streaming import Pieces, Streamed
from samplebank.http.turns import Within, while_connected

EVENTS: Final = "text/event-stream"
#: proxies are to pass each event on at once, and nobody is to keep the events
HEADERS: Final = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
#: milliseconds after which the reader of a stream comes again
BEGIN: Final = b"retry: 3000\n\n"
#: seconds without an event after which a stream gives a sign of life
HEARTBEAT: Final = 15.0
Type = Literal[
    "samplebank.submission.stored",
    "samplebank.job.opened",
    "samplebank.job.ended",
    "samplebank.verdict.settled",
    "samplebank.alert.raised",
    "samplebank.link.added",
    "samplebank.evidence.added",
    "samplebank.sample.deleted",
    "samplebank.audit.recorded",
]
After = Annotated[
    str,
    Meta(
        max_length=500,
        description="`metaData.next` of the page before, or `latest` for what happens from now on. Without a cursor, the "
        "feed begins with the oldest event that is kept.",
    ),
]


class FeedQuery(Body):
    """`wait` are the seconds to wait for an event where there is none yet."""

    after: After | None = None
    wait: Annotated[int, Meta(ge=0, le=30)] = 0
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    type: Unique[Type] | None = None


class CloudEvent(Shown):
    """An event of CloudEvents 1.0. `subject` is the SHA-256 of the sample. The type tells the fields of `data`.

    `cursor` is where to read on behind the event.
    """

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    datacontenttype: str
    cursor: str
    data: Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "object"})]


class Silence:
    """The time without a word of a stream. A sign of life ends the silence.

    Events that the reader may not see wake the stream, and do not prolong the silence: the time of a sign of life would
    tell of such events.
    """

    def __init__(self, longest: float, now: float) -> None:
        self._longest = longest
        self._end = now + longest

    def left(self, now: float) -> float:
        """The seconds until a sign of life is due."""
        return self._end - now

    def break_at(self, now: float) -> None:
        self._end = now + self._longest


class Reader:
    """Reads the feed for a request, by the rights that the caller has at the time of each page."""

    def __init__(self, request: Call, after: str | None, types: Collection[str] | None) -> None:
        self._request = request
        self._begins_late = after == LATEST
        self._cursor = read_cursor(after)
        self._kinds = frozenset(name for name, kind in KINDS.items() if types is None or kind.type in types)
        self._feed: feed.Feed | None = None
        #: when the reader last stood at the end of the feed
        self._caught_up = -math.inf
        self.place = feed.BEGINNING

    async def page(self, most: int) -> reading.Page:
        """Read the first page. Raises `Invalid` and `Gone` for a cursor that is not good."""
        caller, began = await self._caller(), time.monotonic()
        async with self._connected() as db:
            known = await feed.look(db)
            begin = feed.BEGINNING if self._cursor is None else place_of(self._cursor, known)
            if self._begins_late:
                begin = await feed.end_of(db, known)
            page = await reading.read_page(db, caller, begin, most, self._kinds)
            # Behind the page: what is forgotten after the look was read.
            later = await feed.look(db)
        if self._cursor is not None:
            check(begin, later)
        self._feed = known
        if page.is_last:
            self._caught_up = began
        self.place = later.behind_forgotten if page.place == feed.BEGINNING else page.place
        return page

    async def next_page(self, followers: Followers, most: int) -> reading.Page:
        """Read on, together with others at the same place.

        Raises `Unauthenticated` once the key has ended, `Forbidden` once the caller may see no event of any type any more, and
        `Gone` where events were forgotten before the reader came to them.
        """
        caller, place, began = await self._caller(), self.place, time.monotonic()
        is_late = began - self._caught_up > self._request.bank.settings.event_retention / 2

        async def read() -> reading.Page:
            async with self._connected() as db:
                page = await reading.read_page(db, caller, place, most, self._kinds, promptly=True)
                if is_late:
                    check(place, await feed.look(db))
                return page

        page = await followers.shared(caller, (place, most, self._kinds, is_late), read)
        if page.is_last:
            self._caught_up = began
        self.place = page.place
        return page

    async def _caller(self) -> Caller:
        bank = self._request.bank
        caller = await bank.callers.find(self._request.header(HEADER) or "", now=bank.clock())
        if caller is None:
            raise Unauthenticated(BAD_KEY)
        if not caller.holds(*NEEDS):
            raise forbidden(NEEDS)
        return caller

    def _connected(self) -> AbstractAsyncContextManager[Connection]:
        return self._request.connected(Within(self._request.bank.settings.search_timeout))

    @property
    def feed(self) -> feed.Feed:
        assert self._feed is not None  # noqa: S101 for the type checker: a page was read
        return self._feed

    @property
    def cursor(self) -> str:
        """The cursor behind what was read."""
        return cursor_at(self.feed, self.place)

    def shown(self, event: Seen) -> CloudEvent:
        told = cloud_events.cloud_event(
            self.feed, event.id, event.kind, event.created_time, sha256=event.sha256, data=event.data
        )
        return CloudEvent(**msgspec.structs.asdict(told), cursor=cursor_at(self.feed, event.place))

    def sent(self, events: Iterable[Seen]) -> bytes:
        """Events as a stream has events, each with the cursor behind the event."""
        return b"".join(
            b"id: %s\nevent: %s\ndata: %s\n\n"
            % (
                cursor_at(self.feed, event.place).encode(),
                KINDS[event.kind].type.encode(),
                encode(self.shown(event)),
            )
            for event in events
        )

    @property
    def sign_of_life(self) -> bytes:
        """A message that no reader is told of, and that moves the cursor on."""
        return b"id: %s\n\n" % self.cursor.encode()


@get(
    f"{EXTENSIONS}/feed",
    opt=operation("readFeed", *NEEDS, query=FeedQuery, answers=list[CloudEvent]),
)
async def read_feed(request: Call) -> Response[bytes] | Streamed:
    """List the events behind a cursor, oldest first; with `Accept: text/event-stream`, as a stream that goes on.

    No event is left out, and the events of a sample come in their order. A cursor stays good for as long as events are kept.
    """
    query = request.read_query(FeedQuery)
    if EVENTS not in (request.header(b"accept") or "").lower():
        return await _answered(request, Reader(request, query.after, query.type), query)
    after = request.header(b"last-event-id") or query.after
    pieces = await request.opened(_told(request, Reader(request, after, query.type), query.limit))
    return Streamed(pieces, status=200, media_type=EVENTS, headers=HEADERS)


async def _answered(request: Call, reader: Reader, query: FeedQuery) -> Answer:
    async with while_connected(request.disconnected):
        page = await reader.page(query.limit)
        if query.wait and not page.events and not request.is_head:
            page = await _awaited(request, reader, page, query)
    rows = [reader.shown(event) for event in page.events]
    told = {"next": reader.cursor, "more": not page.is_last}
    return envelope.several(rows, Page(query.limit), Count(len(rows), is_exact=False), told)


async def _awaited(request: Call, reader: Reader, page: reading.Page, query: FeedQuery) -> reading.Page:
    """Wait for a page with events, until the time to wait is over or the service stops."""
    followers, follower = _followers(request), Follower(request.caller)
    end = time.monotonic() + query.wait
    with followers.joined(follower):
        while not page.events and not follower.is_over and (left := end - time.monotonic()) > 0:
            if page.is_last:
                await followers.wait(follower, reader.place, left)
            page = await reader.next_page(followers, query.limit)
    return page


async def _told(request: Call, reader: Reader, most: int) -> Pieces:
    """Tell events until the reader leaves, the key or all rights end, events are missing or the service stops."""
    followers, follower = _followers(request), Follower(request.caller)
    silence = Silence(HEARTBEAT, time.monotonic())
    with followers.joined(follower):
        page = await reader.page(most)
        yield BEGIN
        while not follower.is_over:
            if page.events:
                yield reader.sent(page.events)
                silence.break_at(time.monotonic())
            elif (left := silence.left(time.monotonic())) <= 0:
                yield reader.sign_of_life
                silence.break_at(time.monotonic())
            elif page.is_last:
                await followers.wait(follower, reader.place, left)
            try:
                page = await reader.next_page(followers, most)
            except (Unauthenticated, Forbidden, Gone):
                return  # the reader comes again, and is told why


def _followers(request: Call) -> Followers:
    followers: Followers = request.app.state.followers
    return followers


ROUTES = [read_feed]
