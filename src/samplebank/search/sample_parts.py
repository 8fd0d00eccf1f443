"""The samples that a caller of few customers sees, reader by reader: the table `sample_reader` has the samples of each in order."""

from collections.abc import Sequence
from typing import NamedTuple

from samplebank.accounts.access import numbers_of_samples, see_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Page, Sql, all_of, joined
from samplebank.database.planning import SERIAL, planned
from samplebank.database.query import Place
from samplebank.database.times import TimeRange
from samplebank.search.listing import rows_within
from samplebank.search.sample_order import NEWEST_FIRST, OLDEST_FIRST
from samplebank.search.window import IndexWindow, older_in_window

#: the planner takes nearly all samples for repeated, and would gather and sort all of them for a page
MERGED = ("enable_hashagg = off",)
SAMPLE = "SELECT s.created_time, s.id FROM sample s WHERE {}"


class SampleParts(NamedTuple):
    """The samples of a window: `new` samples, in one or more of the parts, and `older` samples. A way to a page, and to the number.

    Parts are queries for creation time and id. `unlisted` are the parts without a list of a reader.
    """

    new: Sequence[Sql]
    older: Sequence[Sql]
    unlisted: Sequence[Sql]
    names: tuple[str, ...]

    @property
    def is_in_order(self) -> bool:
        """Whether the parts have the samples in the order asked for."""
        return self.names in {(NEWEST_FIRST,), (OLDEST_FIRST,)}

    @property
    def begins_with_new(self) -> bool:
        """Whether the first pages have new samples alone."""
        return self.is_in_order and (self._is_newest_first or not self.older)

    @property
    def begins_with_listed(self) -> bool:
        """Whether the lists of readers have all samples of the first pages."""
        return self.begins_with_new and len(self.unlisted) == len(self.older)

    def first(self, page: Page) -> Sql | None:
        """A query for the ids of the new samples on a page; None for a deep page, where a plan for the values is better."""
        if page.offset:
            return None
        return Sql(f"SELECT id FROM ({{}}) page {self._order}", self._merged(self.new, page))

    async def find(self, db: Connection, page: Page) -> Sequence[int] | None:
        if not self.is_in_order:
            return None
        found = await self._ids(db, self.new, page) if self.begins_with_new else []
        if self.older and (len(found) < page.limit or not page.limit):
            # The older samples have to be sorted: look there only where the page reaches the older samples.
            found = await self._ids(db, [*self.new, *self.older], page)
        return found

    async def find_among(
        self, db: Connection, page: Page, condition: Sql, milliseconds: int | None
    ) -> Sequence[int] | None:
        """The page of the samples `s` for which the condition on `s.id` holds. Given up after so many milliseconds.

        Given up as well where the page reaches the older samples, and in any other order than that of the creation.
        """
        if not self.begins_with_new:
            return None
        # The condition stands outside. There PostgreSQL checks one sample after the other until the page is full.
        parts = [Sql(f"({{}} {self._order})", self._behind(part, page.after)) for part in self.new]
        text = f"""
            SELECT id FROM (SELECT DISTINCT created_time, id FROM ({{}}) r {self._order}) s
             WHERE {{}} {self._order} {page.clause()}
        """
        query = Sql(text, joined(" UNION ALL ", parts), condition)
        rows = await rows_within(db, query, milliseconds, *MERGED)
        if rows is None or (self.older and len(rows) < page.limit):
            return None
        return [row[0] for row in rows]

    @property
    def matches(self) -> Sql:
        """A query with one row for each sample."""
        new = Sql("SELECT FROM (SELECT DISTINCT * FROM ({}) r) d", joined(" UNION ALL ", self.new))
        older = [Sql("SELECT FROM ({}) r", part) for part in self.older]
        return joined(" UNION ALL ", [new, *older])

    @property
    def _is_newest_first(self) -> bool:
        return self.names == (NEWEST_FIRST,)

    @property
    def _order(self) -> str:
        return "ORDER BY created_time {0}, id {0}".format("DESC" if self._is_newest_first else "ASC")

    async def _ids(self, db: Connection, parts: Sequence[Sql], page: Page) -> list[int]:
        async with planned(db, *SERIAL, *MERGED):
            rows = await self._merged(parts, page).rows(db)
        return [row[1] for row in rows]

    def _merged(self, parts: Sequence[Sql], page: Page) -> Sql:
        """A query for creation time and id of the samples on a page.

        Each part comes in order, so that the parts are merged, and no more rows are read than the page needs.
        """
        order = self._order
        most = f"LIMIT {page.offset + page.limit:d}" if page.limit else ""
        limited = [Sql(f"({{}} {order} {most})", self._behind(part, page.after)) for part in parts]
        text = f"SELECT DISTINCT created_time, id FROM ({{}}) r {order} {page.clause()}"
        return Sql(text, joined(" UNION ALL ", limited))

    def _behind(self, part: Sql, place: Place | None) -> Sql:
        if place is None:
            return Sql("SELECT * FROM ({}) part", part)
        later = "<" if self._is_newest_first else ">"
        text = f"SELECT * FROM ({{}}) part WHERE (created_time, id) {later} ({{}}::bigint, {{}}::bigint)"
        return Sql(text, part, place.keys[0], place.id)


def parts_of(caller: Caller, window: IndexWindow, names: tuple[str, ...]) -> SampleParts | None:
    """The samples of a window that the caller sees, for the order of these `names`; None for a caller whom no few lists serve."""
    parts = _new_parts(caller, window, names)
    if parts is None or window.start <= 0:
        return parts
    seen = see_samples(caller, "s", Permission.VIEW_SAMPLES)
    older = [Sql(SAMPLE, all_of([older_in_window(caller, "s", window), seen]))]
    return parts._replace(older=older, unlisted=[*parts.unlisted, *older])


def parts_of_range(
    caller: Caller, window: IndexWindow, times: TimeRange, names: tuple[str, ...]
) -> SampleParts | None:
    """As `parts_of`, of the samples that were created in a range. None as well where the range begins before the window."""
    start = times.start or 0
    if start < window.start:
        return None
    ends = [window.end, None if times.end is None else times.end - 1]
    end = min((end for end in ends if end is not None), default=None)
    return _new_parts(caller, IndexWindow(start, end), names)


def _new_parts(caller: Caller, window: IndexWindow, names: tuple[str, ...]) -> SampleParts | None:
    """The samples that were created in a window."""
    numbers = numbers_of_samples(caller, Permission.VIEW_SAMPLES)
    if numbers is None:
        return None
    listed = "SELECT created_time, sample_id AS id FROM sample_reader WHERE reader = {} AND {}"
    new = [Sql(listed, number, _is_new("created_time", window)) for number in numbers]
    unlisted = []
    if caller.holds(Permission.DOWNLOAD_UNRESTRICTED):
        unread = [Sql("s.unread_since IS NOT NULL"), Sql("s.deleted_time IS NULL")]
        seen = see_samples(caller, "s", Permission.VIEW_SAMPLES)
        unlisted = [Sql(SAMPLE, all_of([*unread, _is_new("s.created_time", window), seen]))]
    return SampleParts([*new, *unlisted], [], unlisted, names)


def _is_new(time: str, window: IndexWindow) -> Sql:
    since = Sql(f"{time} >= {{}}", window.start)
    return since if window.end is None else all_of([since, Sql(f"{time} <= {{}}", window.end)])
