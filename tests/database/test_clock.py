"""Every process tells the time of the database, whatever the clock of its host says."""

import time
from collections.abc import Callable

import pytest

from samplebank.database import Connection
from samplebank.database.clock import MICRO, MILLI, DatabaseClock

SECOND = 1_000_000_000
AHEAD = 120 * SECOND


class Staged:
    """A connection whose database answers after `trip` nanoseconds of the steady clock."""

    def __init__(self, told: Callable[[], int], trip: int = 0) -> None:
        self.steady = 0
        self.trip = trip
        self._told = told

    async def fetchval(self, _: str, **_more: object) -> int:
        self.steady += self.trip
        return self._told() // MICRO


def clock_of(staged: Staged, wall: Callable[[], int]) -> DatabaseClock:
    return DatabaseClock(wall, lambda: staged.steady)


@pytest.mark.parametrize("ahead", [AHEAD, -AHEAD])
async def test_a_host_with_a_wrong_clock_tells_the_time_of_the_database(db: Connection, ahead: int) -> None:
    clock = DatabaseClock(lambda: time.time_ns() + ahead)

    await clock.look(db)

    assert abs(clock.ahead) > AHEAD // (2 * MILLI)
    assert (clock.ahead > 0) == (ahead > 0)


async def test_a_late_answer_does_not_move_a_clock_that_is_right() -> None:
    staged = Staged(lambda: 5 * SECOND, trip=10 * SECOND)
    clock = clock_of(staged, lambda: staged.steady)

    await clock.look(staged)  # type: ignore[arg-type] # which looks at the time only

    assert clock.now() == staged.steady // MILLI


async def test_a_jump_of_the_databases_clock_moves_the_clock() -> None:
    jump = 3600 * SECOND
    staged = Staged(lambda: staged.steady + jump)
    clock = clock_of(staged, lambda: staged.steady)

    await clock.look(staged)  # type: ignore[arg-type] # which looks at the time only

    assert clock.now() == (staged.steady + jump) // MILLI
