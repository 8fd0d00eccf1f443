"""What the drill tells: one row for each goal, and the faults that rows come from."""

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec


class Row(msgspec.Struct):
    """One goal: what was seen in all of its rounds. `met` is None where the machine does not allow the fault."""

    fault: str
    rounds: int
    goal: str
    seen: str
    met: bool | None


#: does so many rounds in a folder that it may fill
Run = Callable[[Path, int], Iterable[Row]]


class Fault(msgspec.Struct, frozen=True):
    """One kind of fault: `name` is what `--only` takes, `quick` and `full` are the rounds of the two drills.

    The quick drill leaves out a fault of 0 rounds, which then has one round when named by `--only`.
    """

    name: str
    quick: int
    full: int
    run: Run
