"""The targets of links. A missing, a deleted and an invisible sample all look the same: like no sample."""

from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from samplebank.accounts.access import see_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Sql, all_of
from samplebank.database.listing import Listing
from samplebank.samples.links import COLUMNS, Link
from samplebank.search.overview import Overview, SampleShape, get_overviews

S = TypeVar("S")


class Reference(msgspec.Struct, Generic[S], frozen=True):
    """A link with the target sample, where the caller may see the sample."""

    link: Link
    sample: S | None = None


class References(Listing[Reference[S]]):
    """A list of links, each with the target sample in the shape `shown`, by one query."""

    def __init__(self, caller: Caller, links: Listing[Link], shown: SampleShape[S]) -> None:
        led = _Led(caller, shown)
        source = Sql("{} LEFT JOIN {} ON TRUE", links.source, led.source)
        super().__init__(led, source, links.where, links.order, counted=links.counted)


class _Led(Generic[S]):
    """The columns of a link, then the columns of `other`, the target sample."""

    def __init__(self, caller: Caller, shown: SampleShape[S]) -> None:
        self._shown = shown
        self.selected = Sql("{}, other.*", COLUMNS.selected)
        where = all_of(
            [
                Sql("s.sha256 = l.reference"),
                Sql("s.deleted_time IS NULL"),
                see_samples(caller, "s", Permission.VIEW_SAMPLES),
            ]
        )
        self.source = Sql("LATERAL (SELECT {} FROM {} WHERE {}) other", shown.selected, shown.source, where)

    def read(self, row: Sequence[Any], /) -> Reference[S]:
        link, other = COLUMNS.read(row[: COLUMNS.width]), row[COLUMNS.width :]
        # every sample has a digest
        return Reference(link, None if other[0] is None else self._shown.read(other))


async def follow(db: Connection, caller: Caller, links: Iterable[Link]) -> list[Reference[Overview]]:
    """Find the targets of the links."""
    listed = list(links)
    found = await get_overviews(db, caller, list({link.reference for link in listed}))
    return [Reference(link, found.get(link.reference)) for link in listed]
