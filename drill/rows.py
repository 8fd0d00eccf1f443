"""The report of the drill: one row for each goal, and the faults behind the rows."""

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec


class Toll(msgspec.Struct, frozen=True):
    """What a goal cost: blows, promises, and how the service came back.

    `kills` counts each process and each session of the database that was ended. `restarts` are those of a database. `back`
    counts the times that the service was whole again in time, `away` the times that the service was not, and `whole` is the
    longest time in seconds.
    """

    kills: int = 0
    restarts: int = 0
    cuts: int = 0
    promised: int = 0
    lost: int = 0
    doubled: int = 0
    back: int = 0
    away: int = 0
    whole: float = 0.0

    def __add__(self, other: "Toll") -> "Toll":
        summed = {name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__[:-1]}
        return Toll(**summed, whole=max(self.whole, other.whole))


def came_back(times: Iterable[float | None]) -> Toll:
    """The toll of seconds after which the service was whole again, None for too many."""
    told = list(times)
    back = [one for one in told if one is not None]
    return Toll(back=len(back), away=len(told) - len(back), whole=max(back, default=0.0))


class Row(msgspec.Struct):
    """One goal: the observation in all rounds of the goal. `met` is None where the machine does not allow the fault."""

    fault: str
    rounds: int
    goal: str
    seen: str
    met: bool | None
    toll: Toll = Toll()


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
