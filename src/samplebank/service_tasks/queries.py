"""Reading service tasks. Callers see their own tasks; administrators of the installation see all tasks."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from samplebank.accounts.caller import Caller
from samplebank.database import TRUE, Columns, Connection, Sql, all_of, one_of
from samplebank.database.identifiers import find_id
from samplebank.database.listing import Listing
from samplebank.database.times import TimeRange
from samplebank.errors import NotFound
from samplebank.service_tasks.model import ServiceTask

COLUMNS = Columns.of(ServiceTask, "t", parent_state="parent.state", root_state="root.state")
FROM = """
    service_task t LEFT JOIN service_task parent ON parent.id = t.parent_id
    LEFT JOIN service_task root ON root.id = t.root_id
"""
TIMES = {
    "createdTimestamp": "t.created_time",
    "executionTimestamp": "t.execution_time",
    "finishedTimestamp": "t.finished_time",
}
NO_TASK = "There is no service task with this id that you may see."


class TaskFilter(msgspec.Struct, frozen=True):
    """Each list is any-of; None filters nothing. The filters are and-ed."""

    states: Sequence[str] | None = None
    operations: Sequence[str] | None = None
    users: Sequence[int] | None = None
    parents: Sequence[UUID] | None = None
    roots: Sequence[UUID] | None = None
    correlations: Sequence[UUID] | None = None
    hosts: Sequence[str] | None = None
    times: TimeRange = TimeRange()

    @property
    def condition(self) -> Sql:
        filters: tuple[tuple[str, str, Sequence[object] | None], ...] = (
            ("t.state", "text", self.states),
            ("t.operation", "text", self.operations),
            ("t.user_id", "bigint", self.users),
            ("t.parent_id", "uuid", self.parents),
            ("t.root_id", "uuid", self.roots),
            ("t.correlation_id", "uuid", self.correlations),
            ("t.host", "text", self.hosts),
        )
        given = [one_of(column, type_, values) for column, type_, values in filters if values is not None]
        return all_of([*given, self.times.condition])


def tasks_matching(caller: Caller, wanted: TaskFilter, *, sees_all: bool) -> Listing[ServiceTask]:
    """List the matching tasks of the caller, newest first; with `sees_all`, the matching tasks of everybody."""
    where = all_of([_see_tasks(caller, sees_all=sees_all), wanted.condition])
    order = "ORDER BY t.created_time DESC, t.id DESC"
    return Listing(COLUMNS, FROM, where, order, counted="service_task t")


async def visible_among(db: Connection, caller: Caller, correlations: Sequence[UUID]) -> list[UUID]:
    """Find the correlation ids that a task of the caller has."""
    where = all_of([_see_tasks(caller, sees_all=False), one_of("t.correlation_id", "uuid", correlations)])
    rows = await Sql("SELECT DISTINCT t.correlation_id FROM service_task t WHERE {}", where).rows(db)
    return [row[0] for row in rows]


async def get_visible_task(db: Connection, caller: Caller, reference: str, *, sees_all: bool) -> ServiceTask:
    """Get a task of the caller; with `sees_all`, a task of anybody. Raises `NotFound`."""
    where = all_of([Sql("t.id = {}", find_id(reference)), _see_tasks(caller, sees_all=sees_all)])
    row = await Sql(f"SELECT {COLUMNS.sql} FROM {FROM} WHERE {{}}", where).row(db)
    if row is None:
        raise NotFound(NO_TASK)
    return COLUMNS.read(row)


def _see_tasks(caller: Caller, *, sees_all: bool) -> Sql:
    return TRUE if sees_all else Sql("t.user_id = {}", caller.user.id)
