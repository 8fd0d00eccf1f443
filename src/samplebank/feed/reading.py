"""Pages of the feed: the events behind a place that a caller may see, and the place behind the page."""

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec

from samplebank.accounts.caller import Caller
from samplebank.database import Connection, Sql
from samplebank.events import feed
from samplebank.events.feed import Event, Place
from samplebank.feed.kinds import KINDS, query_of
from samplebank.timespec import Millis

#: events that are read together, and how often for one page: a page of a caller who sees little ends there
AT_ONCE: Final = 500
ROUNDS: Final = 20
#: events of a kind whose data are read first. Each further look is at twice as many, as nobody knows before how large the data are
FIRST: Final = 32
#: bytes of the data of a page, behind which the page ends
MOST_BYTES: Final = 2 * 1024 * 1024


class Seen(msgspec.Struct, frozen=True):
    """An event that the caller may see, and the place behind the event."""

    id: int
    kind: str
    created_time: Millis
    sha256: bytes
    data: msgspec.Raw
    place: Place


class Stored(Protocol):
    """An event, as far as its rows are looked for."""

    @property
    def id(self) -> int: ...

    @property
    def kind(self) -> str: ...


class Content(NamedTuple):
    """The SHA-256 of the sample, and the data of an event."""

    sha256: bytes
    data: msgspec.Raw


class Look(NamedTuple):
    """What the caller may see of events up to the id `until`, by the ids of the events. Behind, some may be missing."""

    shown: dict[int, Content]
    until: float


class Page(msgspec.Struct, frozen=True):
    """Events, and the place behind the events. `is_last`: there was no further event."""

    events: list[Seen]
    place: Place
    is_last: bool


async def read_page(
    db: Connection, caller: Caller, place: Place, most: int, kinds: Collection[str], *, promptly: bool = False
) -> Page:
    """Read up to `most` events of these kinds that the caller may see. A page may have no events and not be the last.

    `promptly`: the first events make a page, as nobody should wait for what happens meanwhile.
    """
    found = _Found(most)
    for _ in range(ROUNDS):
        events, behind = await feed.read(db, place, AT_ONCE)
        if not events and behind == place:
            return Page(found.events, place, is_last=True)
        place = behind
        await found.look(db, caller, [event for event in events if event.kind in kinds], place)
        if found.is_full:
            return Page(found.events, found.events[-1].place, is_last=False)
        if promptly and found.events:
            break
    return Page(found.events, place, is_last=False)


class _Found:
    """The events of a page, as long as the page has room: for `most` events, and for so many bytes of data."""

    def __init__(self, most: int) -> None:
        self.events: list[Seen] = []
        self._most = most
        self._bytes = 0
        self._at_once = FIRST

    @property
    def is_full(self) -> bool:
        return len(self.events) == self._most or self._bytes >= MOST_BYTES

    async def look(self, db: Connection, caller: Caller, events: Sequence[Event], window: Place) -> None:
        """Add what the caller may see of events of a window, in their order, until the page is full."""
        while events and not self.is_full:
            look = await shown_to(db, caller, events, min(self._at_once, self._most - len(self.events)))
            for event in events:
                if event.id in look.shown and event.id <= look.until and not self.is_full:
                    self._add(event, look.shown[event.id], window)
            events = [event for event in events if event.id > look.until]
            self._at_once *= 2 if events else 1

    def _add(self, event: Event, content: Content, window: Place) -> None:
        place = feed.behind(window, event.id)
        self.events.append(Seen(event.id, event.kind, event.created_time, *content, place))
        self._bytes += memoryview(content.data).nbytes


async def shown_to(db: Connection, caller: Caller, events: Sequence[Stored], most: int) -> Look:
    """Look at the first `most` events of each kind that the caller may see.

    How often somebody has to look depends on what the caller sees, and not on the events of others. The data stay JSON: of large
    metadata, objects would take ten times as much memory.
    """
    ids: dict[str, list[int]] = defaultdict(list)
    for event in events:
        ids[event.kind].append(event.id)
    asked = [query_of(KINDS[kind], caller, listed, most) for kind, listed in ids.items() if kind in KINDS]
    queries = [query for query in asked if query is not None]
    if not queries:
        return Look({}, math.inf)
    rows = await Sql(" UNION ALL ".join(["({})"] * len(queries)), *queries).rows(db)
    shown = {id_: Content(sha256, _compact(data)) for id_, sha256, data in rows}
    found = [[id_ for id_ in listed if id_ in shown] for listed in ids.values()]
    return Look(shown, min((seen[-1] for seen in found if len(seen) == most), default=math.inf))


def _compact(data: str) -> msgspec.Raw:
    """JSON as everywhere in answers: without the spaces of PostgreSQL."""
    return msgspec.Raw(msgspec.json.format(data.encode(), indent=-1))
