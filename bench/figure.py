"""One figure: repeated runs, a goal, the limit of the machine in the same run, and the load by other programs."""

import os
import statistics
from collections.abc import Callable
from typing import Self

import msgspec

from bench.machine import Processes, busy_seconds


class Limit(msgspec.Struct, frozen=True):
    """The best that this machine can do, in the unit of the figure."""

    name: str
    value: float


class Figure(msgspec.Struct):
    """`values` has one value for each run, and the figure is the median. `less` says that less is better."""

    name: str
    unit: str
    values: list[float]
    goal: float | None = None
    less: bool = False
    limit: Limit | None = None
    note: str = ""
    #: load average, and the share of all cores that other programs than the service and the bench used, in percent
    load: float = 0.0
    others: float = 0.0
    #: samples in the database, for figures that are measured at several sizes
    size: int = 0
    #: who asks, for the figures of the table of pages
    caller: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def share(self) -> float | None:
        """The figure in percent of the limit."""
        return None if self.limit is None or not self.limit.value else 100 * self.median / self.limit.value

    @property
    def reached(self) -> bool | None:
        if self.goal is None:
            return None
        return self.median <= self.goal if self.less else self.median >= self.goal


class Surroundings:
    """Measures the load by other programs while the block lasts."""

    def __init__(self, processes: Callable[[], Processes] | None) -> None:
        self._processes = processes
        self.load = 0.0
        self.others = 0.0

    def __enter__(self) -> Self:
        self._own = self._own_seconds()
        self._busy = busy_seconds()
        return self

    def __exit__(self, *_: object) -> None:
        busy, total = busy_seconds()
        busy, total = busy - self._busy[0], total - self._busy[1]
        own = max(0.0, self._own_seconds() - self._own)
        self.others = 100 * max(0.0, busy - own) / total if total else 0.0
        self.load = os.getloadavg()[0]

    def mark(self, figure: Figure) -> Figure:
        figure.load, figure.others = self.load, self.others
        return figure

    def _own_seconds(self) -> float:
        times = os.times()
        mine = times.user + times.system + times.children_user + times.children_system
        return mine + (self._processes().processor_seconds() if self._processes else 0.0)
