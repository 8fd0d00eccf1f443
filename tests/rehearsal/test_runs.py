"""The table of the drill from several runs: what was done stays, and the table says of how many runs, of which commits, it is."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from drill import runs
from drill.report import summary
from drill.rows import Fault, Row, Toll, came_back
from drill.runs import Done, Run

FIRST = Run("2026-11-27 09:00:00", "aaaaaaa", "2 processors, Linux 6.1")
SECOND = Run("2026-11-28 09:00:00", "bbbbbbb", "2 processors, Linux 6.1")


def never(_: Path, __: int) -> Iterator[Row]:
    raise AssertionError


FAULTS = tuple(Fault(name, quick=1, full=10, run=never) for name in ("kills", "cuts"))


def done(run: Run, fault: str, rounds: int = 10) -> Done:
    row = Row(fault, rounds, "0 lost", "0 lost", met=True, toll=Toll(kills=rounds))
    return run.done(fault, rounds, 60.0, [row])


def names(some: Sequence[Done]) -> list[str]:
    return [row.fault for row in runs.in_order(some, FAULTS)]


def test_all_rounds_of_all_kinds_are_all_rounds() -> None:
    assert runs.extent([done(FIRST, "kills"), done(SECOND, "cuts")], FAULTS) == "all rounds"


def test_a_run_that_was_stopped_is_not_all_rounds() -> None:
    told = runs.extent([done(FIRST, "kills")], FAULTS)

    assert told == "of 2 kinds of faults all rounds of 1, fewer of 0, none of 1"


def test_fewer_rounds_are_not_all_rounds() -> None:
    told = runs.extent([done(FIRST, "kills"), done(FIRST, "cuts", rounds=9)], FAULTS)

    assert told == "of 2 kinds of faults all rounds of 1, fewer of 1, none of 0"


def test_what_was_done_stays_in_the_file_and_counts_once(tmp_path: Path) -> None:
    file, copy = tmp_path / "runs", tmp_path / "copy"
    kept = [done(FIRST, "cuts"), done(SECOND, "kills")]
    for one in kept:
        runs.add(file, one)
    copy.write_bytes(file.read_bytes())

    assert runs.read([file, copy]) == kept


def test_rows_of_several_runs_have_the_order_of_the_faults() -> None:
    assert names([done(SECOND, "cuts"), done(FIRST, "cuts"), done(SECOND, "kills")]) == [
        "kills",
        "cuts",
        "cuts",
    ]


def test_the_table_says_of_how_many_runs_and_which_commits_it_is() -> None:
    told = runs.origin([done(FIRST, "kills"), done(SECOND, "cuts")])

    assert (
        told == "2 runs at aaaaaaa, bbbbbbb, 2026-11-27 to 2026-11-28, 2 minutes on 2 processors, Linux 6.1"
    )


def test_a_service_that_does_not_come_back_is_counted_beside_those_that_do() -> None:
    rows = [Row("kills", 3, "", "", met=False, toll=came_back([1.0, None, 2.5]))]

    assert "whole again 2 of 3 times, within 2.5 s (goal 30 s)" in summary(rows)
