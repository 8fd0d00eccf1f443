"""The targets of links. A missing, a deleted and an invisible sample all look the same: like no sample."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import msgspec

from samplebank.accounts.access import see_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Page, Sql, all_of
from samplebank.database.listing import Listing
from samplebank.samples.links import COLUMNS, Link, count_by_type, links_of, numbers_by_type
from samplebank.samples.model import Sample
from samplebank.search.overview import Overview, Overviews, get_overviews

#: numbers of links by type
Numbers: TypeAlias = list[tuple[str, int]]


class Reference(msgspec.Struct, frozen=True):
    """A link with the target sample, where the caller may see the sample."""

    link: Link
    sample: Overview | None = None


class References(Listing[Reference]):
    """A list of links, each with the target sample, by one query."""

    def __init__(self, caller: Caller, links: Listing[Link]) -> None:
        led = _Led(caller)
        source = Sql("{} LEFT JOIN {} ON TRUE", links.source, led.source)
        super().__init__(led, source, links.where, links.order, counted=links.counted)


class _Numbered:
    """The numbers of all links by type, then the columns of a link with the target sample."""

    def __init__(self, caller: Caller, sample: Sample) -> None:
        self._led = _Led(caller)
        self.source = self._led.source
        self.selected = Sql("{}, {}", numbers_by_type(caller, sample), self._led.selected)

    def read(self, row: Sequence[Any], /) -> tuple[Numbers, Reference]:
        return [(type_, number) for type_, number in row[0]], self._led.read(row[1:])


class _Led:
    """The columns of a link, then the columns of `other`, the target sample."""

    def __init__(self, caller: Caller) -> None:
        self._shown = Overviews(caller)
        self.selected = Sql("{}, other.*", COLUMNS.selected)
        where = all_of(
            [
                Sql("s.sha256 = l.reference"),
                Sql("s.deleted_time IS NULL"),
                see_samples(caller, "s", Permission.VIEW_SAMPLES),
            ]
        )
        self.source = Sql(
            "LATERAL (SELECT {} FROM {} WHERE {}) other", self._shown.selected, self._shown.source, where
        )

    def read(self, row: Sequence[Any], /) -> Reference:
        link, other = COLUMNS.read(row[: COLUMNS.width]), row[COLUMNS.width :]
        # every sample has a digest
        return Reference(link, None if other[0] is None else self._shown.read(other))


async def page_with_numbers(
    db: Connection, caller: Caller, sample: Sample, page: Page
) -> tuple[list[Reference], Numbers]:
    """A page of the links of the sample, newest first, and the numbers of all links by type: by one statement."""
    shown, links = _Numbered(caller, sample), links_of(caller, sample)
    source = Sql("{} LEFT JOIN {} ON TRUE", links.source, shown.source)
    rows = await Listing(shown, source, links.where, links.order).page(db, page)
    if rows:
        return [reference for _, reference in rows], rows[0][0]
    # a page behind the last tells no numbers
    return [], await count_by_type(db, caller, sample) if page.offset else []


async def follow(db: Connection, caller: Caller, links: Iterable[Link]) -> list[Reference]:
    """Find the targets of the links."""
    listed = list(links)
    found = await get_overviews(db, caller, list({link.reference for link in listed}))
    return [Reference(link, found.get(link.reference)) for link in listed]
