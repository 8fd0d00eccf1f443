"""The connections that a database allows are shared among the processes of a service."""

import pytest

from samplebank.database import Connection, budget


def taken(processes: int, allowed: int) -> int:
    """The most connections that all processes together take from a database with `allowed` connections."""
    share = budget.share(budget.affordable(processes, allowed), processes)
    return processes * (share + budget.LISTENING) + budget.HOUSEKEEPER


@pytest.mark.parametrize("processes", [1, 2, 4, 16, 24])
def test_a_service_leaves_connections_to_others(processes: int) -> None:
    least = processes * (1 + budget.LISTENING) + budget.HOUSEKEEPER + budget.RESERVE

    assert all(taken(processes, allowed) <= allowed - budget.RESERVE for allowed in range(least, least + 300))


@pytest.mark.parametrize("processes", [1, 2, 4, 16])
def test_a_service_takes_no_more_than_it_needs(processes: int) -> None:
    assert taken(processes, 10_000) == budget.wanted(processes)


def test_each_process_has_a_connection_where_there_are_too_few() -> None:
    assert budget.share(budget.affordable(16, 20), 16) == 1


@pytest.mark.parametrize("subject", ["ROLE few", "DATABASE {}"])
async def test_the_limit_of_a_role_or_of_a_database_bounds_what_is_allowed(
    db: Connection, subject: str
) -> None:
    await db.execute("CREATE ROLE few")
    name = await db.fetchval("SELECT quote_ident(current_database())")
    await db.execute(f"ALTER {subject.format(name)} CONNECTION LIMIT 21")
    for_others = await budget.find_allowed(db)
    await db.execute("SET LOCAL SESSION AUTHORIZATION few")

    assert await budget.find_allowed(db) == 21
    assert for_others > 21  # of superusers, the server counts no connections
