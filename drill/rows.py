"""The report of the drill: one row for each goal, and the faults behind the rows."""

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec


class Row(msgspec.Struct):
    """One goal: the observation in all rounds of the goal. `met` is None where the machine does not allow the fault."""

    fault: str
    rounds: int
    goal: str
    seen: str
    met: bool | None


#: does so many rounds in a folder, which the fault may fill
Run = Callable[[Path, int], Iterable[Row]]


class Fault(msgspec.Struct, frozen=True):
    """One kind of fault: `name` is what `--only` takes, `quick` and `full` are the rounds of the two drills.

    The quick drill leaves out a fault of 0 rounds. Named by `--only`, the fault has one round.
    """

    name: str
    quick: int
    full: int
    run: Run
