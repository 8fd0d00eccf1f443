"""How many rows match: exact where the number is small or cheap to find, else the least that is known."""

import time
from typing import NamedTuple

import asyncpg

from samplebank.database.connection import Connection
from samplebank.database.planning import SERIAL, as_written, plan_for_values, plan_of, planned, reading
from samplebank.database.sql import Sql

#: up to so many matches are always counted
ALWAYS = 10_000
#: the number of a list that takes too long to count, as the interface has it
UNCOUNTED = -1
#: more rows than any list has
ALL = 2**31 - 1


class Count(NamedTuple):
    """The number of matches: exactly, or `at_least` so many."""

    at_least: int
    is_exact: bool = True

    @property
    def number(self) -> int:
        """The number, `UNCOUNTED` where it is not known."""
        return self.at_least if self.is_exact else UNCOUNTED


async def count_rows(db: Connection, rows: Sql, budget: float) -> Count:
    """Count the rows of a query. Beyond `ALWAYS` rows, counting stops after `budget` milliseconds in all.

    Counting stops at once where the planner expects more rows than the rest of the time is enough for. `db` is not in a
    transaction. The rows are passed over in the database; none of them is sent.
    """
    query, values = rows.render()
    began = time.monotonic()
    passed = 0
    try:
        async with db.transaction(readonly=True):
            await plan_for_values(db, *SERIAL, *as_written(rows))
            cursor = await db.cursor(query, *values)
            opened = time.monotonic()
            passed = await cursor.forward(ALWAYS + 1)
            if passed <= ALWAYS:
                return Count(passed)
            now = time.monotonic()
            left = int(budget - 1000 * (now - began))
            enough_for = passed * (1 + left / max(1000 * (now - opened), 0.001))
            if left < 1 or (await plan_of(db, rows))["Plan Rows"] > enough_for:
                return Count(passed, is_exact=False)
            await db.execute(f"SET LOCAL statement_timeout = {left}")
            return Count(passed + await cursor.forward(ALL))
    except asyncpg.QueryCanceledError:
        return Count(passed, is_exact=False)


async def count_few(db: Connection, rows: Sql, budget: float) -> Count:
    """As `count_rows`, for rows that are few as a rule: by one statement, where there are at most `ALWAYS` rows."""
    found = await Sql(f"SELECT count(*) FROM ({{}} LIMIT {ALWAYS + 1}) counted", rows).value(db)
    return Count(found) if found <= ALWAYS else await count_rows(db, rows, budget)


async def tallied(
    db: Connection, number: Sql | None, budget: float | None = None, *, has_one_plan: bool = False
) -> Count | None:
    """The number that an expression over a tally tells; None where no tally knows the number, or not within the budget.

    With a budget in milliseconds, `db` is not in a transaction, and the expression is planned for its values, unless one plan
    is good for any values.
    """
    if number is None:
        return None
    query = Sql("SELECT {}", number)
    if budget is None:
        found = await query.value(db)
    else:
        settings = (*SERIAL, f"statement_timeout = {max(1, int(budget))}")
        try:
            async with reading(db, *settings) if has_one_plan else planned(db, *settings):
                found = await query.value(db)
        except asyncpg.QueryCanceledError:
            return None
    return None if found is None else Count(found)
