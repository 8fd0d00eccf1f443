"""Rows are counted exactly up to 10,000, and beyond as long as the budget lasts."""

import pytest

from samplebank.database import Connection, Sql
from samplebank.database.counting import ALWAYS, UNCOUNTED, Count, count_rows, tallied

LONG = 60_000


def series(most: int) -> Sql:
    return Sql("SELECT FROM generate_series(1, {}::int)", most)


@pytest.mark.parametrize("rows", [0, 1, ALWAYS])
async def test_so_many_rows_are_counted_whatever_the_budget(db: Connection, rows: int) -> None:
    assert await count_rows(db, series(rows), 0) == Count(rows)


async def test_more_rows_are_counted_within_the_budget(db: Connection) -> None:
    assert await count_rows(db, series(3 * ALWAYS), LONG) == Count(3 * ALWAYS)


async def test_beyond_the_budget_the_least_is_told(db: Connection) -> None:
    found = await count_rows(db, series(3 * ALWAYS), 0)

    assert (found.number, found.at_least, found.is_exact) == (UNCOUNTED, ALWAYS + 1, False)


async def test_counting_that_is_cut_off_leaves_the_connection_of_use(db: Connection) -> None:
    slow = Sql(
        "SELECT pg_sleep(CASE WHEN n > {} THEN 60 ELSE 0 END) FROM generate_series(1, 20000) n", ALWAYS + 5
    )

    found = await count_rows(db, slow, 200)

    assert (found.is_exact, await db.fetchval("SELECT 1")) == (False, 1)


async def test_far_more_rows_than_the_budget_is_enough_for_are_not_counted_on(db: Connection) -> None:
    await db.execute("CREATE TEMP SEQUENCE gone_through")
    rows = Sql("SELECT FROM (SELECT generate_series(1, 2000000000)) n WHERE nextval('gone_through') > {}", 0)

    found = await count_rows(db, rows, 300)

    # the rows come in pieces, so that a few more are gone through
    assert (found.is_exact, await db.fetchval("SELECT last_value FROM gone_through") < 2 * ALWAYS) == (
        False,
        True,
    )


async def test_a_number_that_is_not_told_within_the_budget_is_not_awaited(db: Connection) -> None:
    slow = Sql("(SELECT 1 FROM pg_sleep(60))")

    found = await tallied(db, slow, 20)

    assert (found, await db.fetchval("SELECT 1")) == (None, 1)


async def test_a_number_that_is_told_within_the_budget_is_exact(db: Connection) -> None:
    assert await tallied(db, Sql("7"), LONG) == Count(7)
