"""The submissions that a caller of few customers sees, part by part: an index has each part in order, without the rows of others."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from samplebank.accounts.access import parts_of_rows
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Columns, Connection, Page, Sql, all_of, joined
from samplebank.database.ordering import Order
from samplebank.search.listing import rows_within
from samplebank.submissions.model import Submission

# The digest is looked up for the rows of the page only: PostgreSQL works such columns out after LIMIT.
COLUMNS = Columns.of(Submission, "u", sha256="(SELECT s.sha256 FROM sample s WHERE s.id = u.sample_id)")
FROM = "submission u"
#: the orders in which indexes have the parts
ORDERS = {("observedTimestamp",), ("-observedTimestamp",)}


class Parts(NamedTuple):
    """The submissions of which one of `conditions` holds: a way to a page, and to their number."""

    conditions: Sequence[Sql]
    order: Order

    async def find(self, db: Connection, page: Page) -> Sequence[Submission] | None:
        if self.order.names not in ORDERS:
            return None
        return await submissions_of(db, self._ids(page), self.order)

    @property
    def matches(self) -> Sql:
        """A query with one row for each."""
        return joined(" UNION ALL ", [Sql(f"SELECT FROM {FROM} WHERE {{}}", one) for one in self.conditions])

    def _ids(self, page: Page) -> Sql:
        """The ids on a page: the beginnings of all parts, merged."""
        beginning = Page(page.offset + page.limit if page.limit else 0, after=page.after)
        columns = Sql("u.id, u.observed_time")
        parts = [
            Sql("({})", self.order.rows(columns, self.order.source, one, beginning))
            for one in self.conditions
        ]
        merged = f"SELECT u.id FROM ({{}}) u {self.order.sql} {page.clause()}"
        return Sql(merged, joined(" UNION ALL ", parts))


async def submissions_of(db: Connection, ids: Sql, order: Order) -> list[Submission]:
    """The submissions whose ids the query finds, in order."""
    query = Sql(
        f"SELECT {{}} FROM {{}} WHERE u.id = ANY (ARRAY({{}})) {order.sql}",
        COLUMNS.selected,
        order.source,
        ids,
    )
    # a plan for any values would gather all rows of a part
    rows: list[Any] = await rows_within(db, query, None) or []
    return [COLUMNS.read(row) for row in rows]


def parts_of(caller: Caller, window: Sql, order: Order) -> Parts | None:
    """The submissions of a window that the caller sees; None for a caller of many customers, and of all."""
    seen = parts_of_rows(caller, "u", Permission.VIEW_SUBMISSION)
    return Parts([all_of([one, window]) for one in seen], order) if seen else None
