"""Queries that are planned for their values, because the best plan depends on the values."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import lru_cache
from typing import Any

import msgspec

from samplebank.database.connection import Connection
from samplebank.database.sql import Sql, joined

PLANNING = ("plan_cache_mode = force_custom_plan",)
#: starting parallel workers takes longer than most searches, and there are other callers
SERIAL = ("max_parallel_workers_per_gather = 0",)
#: the values of a query from which on tables are joined as written: to look through all orders takes up to 16 s beside 0.4
MANY_VALUES = 40
AS_WRITTEN = ("join_collapse_limit = 1",)
#: the name of a block within a transaction. Blocks may stand within each other: a name means the innermost one
BLOCK = "block"


def planned(db: Connection, *settings: str) -> AbstractAsyncContextManager[None]:
    """A transaction in which every query is planned for its values; the plan for any values is far off for searches."""
    return reading(db, *PLANNING, *settings)


def as_written(query: Sql) -> tuple[str, ...]:
    """The settings for a query, which has so many parts that the planner is not to look for an order of its own."""
    return AS_WRITTEN if len(query.values) > MANY_VALUES else ()


@asynccontextmanager
async def reading(db: Connection, *settings: str) -> AsyncIterator[None]:
    """A transaction that only reads, with settings of its own. The beginning is one message, not two.

    Within a transaction, the settings end with the block: only what is rolled back takes its settings along.
    """
    if db.is_in_transaction():
        await db.execute(f"SAVEPOINT {BLOCK}; {_local(settings)}")
        try:
            yield
        finally:
            if not db.is_closed():
                await db.execute(f"ROLLBACK TO {BLOCK}; RELEASE {BLOCK}")
        return
    try:
        await db.execute(f"BEGIN READ ONLY; {_local(settings)}")
        yield
        await db.execute("COMMIT")
    except BaseException:
        # beginning and end may be given up, too, and may have been carried out or not
        if not db.is_closed():
            await db.execute("ROLLBACK")
        raise


@asynccontextmanager
async def of_one_moment(db: Connection) -> AsyncIterator[None]:
    """A block whose statements see the database of the same moment, as an answer needs that is put together from several.

    Within a transaction, the transaction decides what the statements see.
    """
    if db.is_in_transaction():
        yield
        return
    async with db.transaction(isolation="repeatable_read", readonly=True):
        yield


async def plan_for_values(db: Connection, *settings: str) -> None:
    """As `planned`, for the rest of the transaction that `db` is in."""
    await db.execute(_local((*PLANNING, *settings)))


@lru_cache(256)
def _local(settings: tuple[str, ...]) -> str:
    return "; ".join(f"SET LOCAL {setting}" for setting in settings)


async def estimated(db: Connection, queries: Sequence[Sql]) -> list[float] | None:
    """The number of rows of each query, as the planner thinks. None where the planner joins queries."""
    async with planned(db, *SERIAL):
        plan = await plan_of(db, joined(" UNION ALL ", queries))
    plans: list[dict[str, Any]] = [plan] if len(queries) == 1 else plan.get("Plans", [])
    return [float(one["Plan Rows"]) for one in plans] if len(plans) == len(queries) else None


async def plan_of(db: Connection, query: Sql) -> dict[str, Any]:
    """The plan of a query, as EXPLAIN tells. `Plan Rows` is the number of rows, as the planner thinks."""
    explained = msgspec.json.decode(await Sql("EXPLAIN (FORMAT JSON) {}", query).value(db))
    plan: dict[str, Any] = explained[0]["Plan"]
    return plan
