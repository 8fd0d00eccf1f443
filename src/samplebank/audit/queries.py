"""Reading the ledger. Whoever may read it for every customer reads all; else what concerns the own customers.

An entry concerns the customers that are its owners. An entry about no sample concerns the customer of its actor, where the
actor holds nothing for others: what somebody asks with more rights may tell of things that the own customer may not see.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import TRUE, Columns, Connection, Page, Sql, Statement, all_of, any_of, one_of
from samplebank.database.counting import Count, count_rows
from samplebank.database.listing import OrderedListing
from samplebank.database.ordering import Key, Order
from samplebank.database.planning import plan_for_values, planned
from samplebank.timespec import Millis

#: the entries from the newest on, or from the oldest on
SORTS: Final = ("-timestamp", "timestamp")


class Line(msgspec.Struct, frozen=True):
    """An entry as stored."""

    id: UUID
    time: Millis
    kind: str
    action: str
    actor: str
    user_id: int | None
    customer_id: int | None
    key_id: UUID | None
    session_id: UUID | None
    address: str | None
    request_id: str | None
    sha256: bytes | None
    target: str | None
    details: dict[str, Any] | None
    is_refused: bool
    count: int
    owners: list[int]


class AuditFilter(msgspec.Struct, frozen=True):
    """What entries are asked for; every demand must hold, and None demands nothing. Times are inclusive."""

    kinds: list[str] | None = None
    actions: list[str] | None = None
    user_id: int | None = None
    key_id: UUID | None = None
    customers: list[int] | None = None
    sha256: bytes | None = None
    target: str | None = None
    since: Millis | None = None
    until: Millis | None = None


COLUMNS: Final = Columns.of(Line, "a")
WAYS: Final = Statement("""
    SELECT a.time, a.details ->> 'way' FROM audit a
     WHERE a.time = ANY (:times::bigint[]) AND a.user_id = :user_id AND a.action = 'signIn'
""")


class AuditListing(OrderedListing[Line]):
    """Entries of the ledger. The best plan depends on how many entries a customer or sample has."""

    is_dear = True

    async def page(self, db: Connection, page: Page) -> list[Line]:
        async with planned(db):
            return await super().page(db, page)

    async def pieces(self, db: Connection, page: Page) -> AsyncGenerator[list[Line], None]:
        await plan_for_values(db)
        async for rows in super().pieces(db, page):
            yield rows

    async def count(self, db: Connection, budget: float) -> Count:
        return await count_rows(db, self._counted_rows, budget)


def entries_matching(caller: Caller, wanted: AuditFilter, sort: str = SORTS[0]) -> AuditListing:
    """List the entries that the caller may read, the newest first unless sorted otherwise."""
    key = Key("a.time", field="time")
    order = Order(Sql("audit a"), (sort,), {"timestamp": key}, Key("a.id", "uuid", field="id"))
    return AuditListing(COLUMNS, "audit a", all_of([*_demands(caller, wanted), see_entries(caller)]), order)


def see_entries(caller: Caller) -> Sql:
    """The entries that the caller may read, by viewAudit."""
    scope = caller.scope(Permission.VIEW_AUDIT)
    if scope.everywhere:
        return TRUE
    customers = sorted(scope.customers)
    own = Sql(
        "a.sha256 IS NULL AND a.customer_id = ANY ({}::bigint[]) AND a.reach <@ {}::bigint[]",
        customers,
        customers,
    )
    return any_of([own, _owned_by(customers)])


async def ways_of_sign_in(db: Connection, user_id: int, times: Sequence[Millis]) -> dict[Millis, str]:
    """How the user signed in at each of these times, as far as the ledger still has the entries."""
    rows = await WAYS.rows(db, user_id=user_id, times=list(times))
    return {row[0]: row[1] for row in rows}


def knows_actor(caller: Caller, line: Line) -> bool:
    """Whether the caller may know who acted, from where and how: somebody of the own customers."""
    scope = caller.scope(Permission.VIEW_AUDIT)
    return scope.everywhere or (line.customer_id is not None and scope.covers(line.customer_id))


def see_actor(caller: Caller) -> Sql:
    """That the caller may know who acted, as `knows_actor`, or that the service acted."""
    scope = caller.scope(Permission.VIEW_AUDIT)
    if scope.everywhere:
        return TRUE
    own = one_of("a.customer_id", "bigint", sorted(scope.customers))
    return any_of([Sql("a.actor = 'service'"), own])


def _owned_by(customers: list[int]) -> Sql:
    # the first condition is that of the index
    return Sql("cardinality(a.owners) > 0 AND a.owners && {}::bigint[]", customers)


def _demands(caller: Caller, wanted: AuditFilter) -> list[Sql]:
    demands = []
    if wanted.kinds is not None:
        demands.append(one_of("a.kind", "text", wanted.kinds))
    if wanted.actions is not None:
        demands.append(one_of("a.action", "text", wanted.actions))
    if wanted.sha256 is not None:
        demands.append(Sql("a.sha256 = {}", wanted.sha256))
    if wanted.target is not None:
        demands.append(_known_to(caller, Sql("a.target = {}", wanted.target)))
    if wanted.user_id is not None:
        demands.append(_known_to(caller, Sql("a.user_id = {}", wanted.user_id)))
    if wanted.key_id is not None:
        demands.append(_known_to(caller, Sql("a.key_id = {}", wanted.key_id)))
    if wanted.customers is not None:
        of_actor = one_of("a.customer_id", "bigint", wanted.customers)
        demands.append(any_of([of_actor, _owned_by(wanted.customers)]))
    if wanted.since is not None:
        demands.append(Sql("a.time >= {}", wanted.since))
    if wanted.until is not None:
        demands.append(Sql("a.time <= {}", wanted.until))
    return demands


def _known_to(caller: Caller, condition: Sql) -> Sql:
    """The condition, for what the caller is told of known actors only: a filter must not find what is not shown."""
    scope = caller.scope(Permission.VIEW_AUDIT)
    if scope.everywhere:
        return condition
    return all_of([condition, one_of("a.customer_id", "bigint", sorted(scope.customers))])
