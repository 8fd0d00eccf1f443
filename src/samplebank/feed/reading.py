"""Pages of the feed: the events behind a place that a caller may see, and the place behind the page."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any, Final, Protocol

import msgspec

from samplebank.accounts.caller import Caller
from samplebank.database import Connection, Sql
from samplebank.events import feed
from samplebank.events.feed import Event, Place
from samplebank.feed.kinds import KINDS, query_of
from samplebank.timespec import Millis

#: events that are looked at together, and how often for one page: a page of a caller who sees little ends there
AT_ONCE: Final = 500
ROUNDS: Final = 20


class Seen(msgspec.Struct, frozen=True):
    """An event that the caller may see, and the place behind the event."""

    id: int
    kind: str
    created_time: Millis
    sha256: bytes
    data: dict[str, Any]
    place: Place


class Stored(Protocol):
    """An event, as far as its rows are looked for."""

    @property
    def id(self) -> int: ...

    @property
    def kind(self) -> str: ...


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
    found: list[Seen] = []
    for _ in range(ROUNDS):
        events, behind = await feed.read(db, place, AT_ONCE)
        if not events and behind == place:
            return Page(found, place, is_last=True)
        place = behind
        seen = await _seen(db, caller, [event for event in events if event.kind in kinds], place)
        left = most - len(found)
        found += seen[:left]
        if len(seen) > left or len(found) == most:
            return Page(found, found[-1].place, is_last=False)
        if promptly and found:
            break
    return Page(found, place, is_last=False)


async def _seen(db: Connection, caller: Caller, events: Iterable[Event], window: Place) -> list[Seen]:
    """What the caller may see of events of a window, in their order."""
    listed = list(events)
    shown = await shown_to(db, caller, listed)
    return [
        Seen(event.id, event.kind, event.created_time, *shown[event.id], feed.behind(window, event.id))
        for event in listed
        if event.id in shown
    ]


async def shown_to(
    db: Connection, caller: Caller, events: Iterable[Stored]
) -> dict[int, tuple[bytes, dict[str, Any]]]:
    """The SHA-256 of the sample and the data of each event that the caller may see, by the id of the event."""
    ids: dict[str, list[int]] = defaultdict(list)
    for event in events:
        ids[event.kind].append(event.id)
    asked = [query_of(KINDS[kind], caller, of_kind) for kind, of_kind in sorted(ids.items())]
    queries = [query for query in asked if query is not None]
    if not queries:
        return {}
    query = Sql(" UNION ALL ".join(["{}"] * len(queries)), *queries)
    return {id_: (sha256, data) for id_, sha256, data in await query.rows(db)}
