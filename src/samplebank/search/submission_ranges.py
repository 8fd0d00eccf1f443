"""Submissions of a time range, in the order of another time, of MIME type or of ids: where an index is entered.

The times of a submission lie close together, and so does the time in its id. A submission with one of them in the range has the
others in the range, or near one of its bounds. The few submissions whose times lie apart have indexes of their own.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self
from uuid import UUID

from samplebank.database import Connection, Page, Sql, all_of, any_of, joined
from samplebank.database.ordering import Order
from samplebank.database.query import order_by
from samplebank.database.times import TimeRange
from samplebank.search.listing import MOST_GATHERED
from samplebank.search.submission_parts import FROM, submissions_of
from samplebank.submissions.model import Submission
from samplebank.timespec import Millis

#: milliseconds between the times of a submission from which on the times lie apart; also in the indexes
#: `submission_observed_apart` and `submission_id_apart`
LONG = 3_600_000
ID_TIME = "('x' || translate(left(u.id::text, 13), '-', ''))::bit(48)::bigint"
IS_OBSERVED_APART = Sql(f"abs(u.observed_time - u.submitted_time) > {LONG}")
IS_ID_APART = Sql(f"abs({ID_TIME} - u.submitted_time) > {LONG}")
SUBMITTED, OBSERVED = "u.submitted_time", "u.observed_time"
#: how many times `LONG` lies between the time of a range and the time in the id, at most
TO_ID: Mapping[str, int] = {SUBMITTED: 1, OBSERVED: 2}
LAST_ID_TIME = 2**48 - 2


class OfRange(NamedTuple):
    """All submissions of a time range, in the requested order, until the page is full.

    A submission is `near` the range in the order, or one of the others, whose times lie `apart`.
    """

    where: Sql
    order: Order
    near: Sql
    apart: Sql
    #: others that are gathered
    most: int = MOST_GATHERED

    @classmethod
    def of(cls, where: Sql, order: Order, times: TimeRange) -> Self | None:
        """None where the index of the order cannot be entered by the range."""
        field = demanded(times)
        near = None if field is None else _near(order, times, field)
        if field is None or near is None:
            return None
        key, _ = order.sorted_by[0]
        apart = IS_OBSERVED_APART if key.sql in TO_ID else IS_ID_APART
        if key.sql not in TO_ID and field == OBSERVED:
            apart = any_of([IS_OBSERVED_APART, IS_ID_APART])
        return cls(where, order, near, all_of([apart, times.within(field), Sql("NOT ({})", near)]))

    async def find(self, db: Connection, page: Page) -> Sequence[Submission] | None:
        return await submissions_of(db, self._ids(page), self.order)

    def _ids(self, page: Page) -> Sql:
        """The ids on a page: the beginnings of the parts, merged. The others are gathered, unless these are very many."""
        beginning = Page(page.offset + page.limit if page.limit else 0, after=page.after)
        key, descends = self.order.sorted_by[0]
        columns = Sql(f"u.id, {key.sql} AS key")
        are_few = f"(SELECT count(*) < {self.most:d} FROM others)"
        gathered = Sql(f"u.id = ANY (ARRAY(SELECT id FROM others)) AND {are_few}")
        gone_through = Sql(f"{{}} AND NOT {are_few}", self.apart)
        parts = [
            Sql("({})", self.order.rows(columns, self.order.source, all_of([part, self.where]), beginning))
            for part in (self.near, gathered, gone_through)
        ]
        order = order_by(["-key" if descends else "key"], {"key": "r.key?"}, "r.id")
        return Sql(
            f"""
            WITH others AS MATERIALIZED (SELECT u.id FROM {FROM} WHERE {{}} LIMIT {self.most:d})
            SELECT r.id FROM ({{}}) r {order} {page.clause()}
            """,
            self.apart,
            joined(" UNION ALL ", parts),
        )


def _near(order: Order, times: TimeRange, field: str) -> Sql | None:
    """A condition on what an index has in the order: what lies in the range by the time `field` lies there, or apart."""
    key, _ = order.sorted_by[0]
    if len(order.names) > 1 or key.sql == field or order.names[0].endswith("fileName"):
        return None
    if key.sql in TO_ID:
        return _between(key.sql, times, LONG)
    return _ids_between(times, TO_ID[field] * LONG)


def demanded(times: TimeRange) -> str | None:
    """A time that has to lie in the range."""
    fields = [field for field in times.fields if field in TO_ID]
    return fields[0] if times.is_bounded and fields and (times.every or len(times.fields) == 1) else None


def _between(column: str, times: TimeRange, reach: Millis) -> Sql:
    """The time in the column lies in the range, or as near as `reach`."""
    start = None if times.start is None else times.start - reach
    end = None if times.end is None else times.end + reach
    return TimeRange(start, end).within(column)


def _ids_between(times: TimeRange, reach: Millis) -> Sql:
    bounds = []
    if times.start is not None:
        bounds.append(Sql("u.id >= {}", _first_id(times.start - reach)))
    if times.end is not None:
        bounds.append(Sql("u.id < {}", _first_id(times.end + reach)))
    return all_of(bounds)


def _first_id(time: Millis) -> UUID:
    """The least id of a time."""
    return UUID(int=min(max(time, 0), LAST_ID_TIME) << 80)
