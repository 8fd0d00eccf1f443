"""The connections that a database allows are shared among the processes of a service."""

import pytest

from samplebank.database import budget


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
