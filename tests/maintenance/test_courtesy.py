"""Work that can wait rests while others need the processors. /proc/stat tells the use of two processors."""

from pathlib import Path

import pytest

from samplebank.maintenance.courtesy import LONG, LONGEST_REST, REST, WINDOW, Courtesy

BUSY, LOW_PRIORITY, IDLE, WAITING = {"user": 25}, {"low": 25}, {"idle": 25}, {"waiting": 25}


class Machine:
    """Two processors and a clock. All numbers are ticks, of which a processor has a hundred a second."""

    def __init__(self, stat: Path) -> None:
        self._stat = stat
        self._ticks = [{"user": 700, "low": 600, "idle": 9000, "waiting": 50} for _ in range(2)]
        self._now = 100.0
        self._write()

    def clock(self) -> float:
        return self._now

    def run(self, *uses: dict[str, int], seconds: float = WINDOW) -> None:
        """Let time pass, with what each processor did in it."""
        for ticks, use in zip(self._ticks, uses, strict=True):
            for kind, number in use.items():
                ticks[kind] += number
        self._now += seconds
        self._write()

    def _write(self) -> None:
        both = {kind: sum(ticks[kind] for ticks in self._ticks) for kind in self._ticks[0]}
        lines = [
            f"{name} {t['user']} {t['low']} 30 {t['idle']} {t['waiting']} 0 20 10 0 0"
            for name, t in (("cpu ", both), *((f"cpu{n}", t) for n, t in enumerate(self._ticks)))
        ]
        self._stat.write_text("\n".join([*lines, "intr 1234 5 6", "ctxt 99"]))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "stat")


@pytest.fixture
def courtesy(machine: Machine, tmp_path: Path) -> Courtesy:
    return Courtesy(tmp_path / "stat", machine.clock, cores=2)


def test_work_rests_several_times_its_length_while_all_processors_are_wanted(
    machine: Machine, courtesy: Courtesy
) -> None:
    machine.run(BUSY, BUSY)

    assert courtesy.rest_after(0.01) == pytest.approx(REST * 0.01)


def test_no_rest_is_so_long_that_what_comes_meanwhile_waits_for_long(
    machine: Machine, courtesy: Courtesy
) -> None:
    machine.run(BUSY, BUSY)

    assert courtesy.rest_after(30.0) == LONGEST_REST


@pytest.mark.parametrize("left", [IDLE, LOW_PRIORITY, WAITING])
def test_work_goes_on_while_a_processor_is_left(
    machine: Machine, courtesy: Courtesy, left: dict[str, int]
) -> None:
    machine.run(BUSY, left)

    assert courtesy.rest_after(0.01) == 0


@pytest.fixture
def heavy(machine: Machine, tmp_path: Path) -> Courtesy:
    return Courtesy(tmp_path / "stat", machine.clock, cores=2, is_heavy=True)


def test_heavy_work_rests_also_while_others_want_one_of_two_processors(
    machine: Machine, heavy: Courtesy
) -> None:
    machine.run(BUSY, IDLE)

    assert heavy.rest_after(0.01) == pytest.approx(REST * 0.01)


def test_heavy_work_goes_on_while_most_of_the_processors_is_left(machine: Machine, heavy: Courtesy) -> None:
    machine.run({"user": 10, "idle": 15}, LOW_PRIORITY)

    assert heavy.rest_after(0.01) == 0


def test_heavy_work_that_has_rested_for_long_goes_on_while_a_processor_is_left(
    machine: Machine, heavy: Courtesy
) -> None:
    machine.run(BUSY, BUSY, seconds=LONG)
    heavy.rest_after(0.01)

    machine.run(BUSY, IDLE)

    assert heavy.rest_after(0.01) == 0


def test_work_goes_on_as_soon_as_others_have_ended(machine: Machine, courtesy: Courtesy) -> None:
    machine.run(BUSY, BUSY)
    courtesy.rest_after(0.01)

    machine.run(IDLE, IDLE)

    assert courtesy.rest_after(0.01) == 0


def test_a_moment_is_too_short_to_tell(machine: Machine, courtesy: Courtesy) -> None:
    machine.run({"user": 1}, {"user": 1}, seconds=WINDOW / 10)

    assert courtesy.rest_after(0.01) == 0


def test_work_goes_on_where_the_machine_does_not_tell(machine: Machine, tmp_path: Path) -> None:
    courtesy = Courtesy(tmp_path / "none", machine.clock)

    machine.run(BUSY, BUSY)

    assert courtesy.rest_after(0.01) == 0
