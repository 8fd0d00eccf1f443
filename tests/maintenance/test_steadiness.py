"""Jobs do not time out by hours in which nobody could work."""

import pytest

from samplebank.maintenance.steadiness import Steadiness

HOUR = 3_600_000
START = 1_700_000_000_000


class Clocks:
    """A clock that can be set, and a clock that cannot."""

    def __init__(self) -> None:
        self.wall = START
        self.steady = 0.0

    def pass_by(self, ms: int) -> None:
        self.wall += ms
        self.steady += ms / 1000

    def watch(self, since: int | None = None) -> Steadiness:
        return Steadiness(
            lambda: self.wall, since=since, interval=10_000, rest=HOUR, monotonic=lambda: self.steady
        )


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.mark.parametrize("since", [None, START, START - 12_000])
def test_nothing_is_lost_while_time_goes_on(clocks: Clocks, since: int | None) -> None:
    steadiness = clocks.watch(since)

    clocks.pass_by(40_000)

    assert (steadiness.look(), steadiness.lost) == (0, 0)


def test_the_time_over_which_the_clock_jumps_is_lost(clocks: Clocks) -> None:
    steadiness = clocks.watch()

    clocks.pass_by(10_000)
    clocks.wall += HOUR

    assert (steadiness.look(), steadiness.lost) == (0, HOUR)


def test_lost_time_is_given_back_until_all_that_was_open_then_is_too_old(clocks: Clocks) -> None:
    steadiness = clocks.watch()
    clocks.wall += HOUR
    steadiness.look()

    clocks.pass_by(HOUR - 1)
    before = steadiness.lost
    clocks.pass_by(1)

    assert (before, steadiness.lost) == (HOUR, 0)


def test_the_time_without_a_service_is_lost(clocks: Clocks) -> None:
    steadiness = clocks.watch(since=START - 3 * HOUR)

    assert steadiness.lost == 3 * HOUR - 10_000


def test_a_clock_that_is_set_back_is_noticed_once(clocks: Clocks) -> None:
    steadiness = clocks.watch()
    clocks.pass_by(10_000)
    clocks.wall -= HOUR

    assert (steadiness.look(), steadiness.lost) == (HOUR, 0)
    assert steadiness.look() == 0
