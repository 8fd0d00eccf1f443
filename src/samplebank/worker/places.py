"""Counts the tasks that a worker has taken and works on. All analysers of a worker share the places.

Loops that claim at the same moment may together take more tasks than there are places. The surplus tasks wait for a turn.

While analyses are quick, a worker takes some tasks ahead: the samples of these tasks are fetched, and the results of others
are brought back, while the children work. A task that is taken ahead of a slow analysis would only wait, so then no task is.
"""

import asyncio
from contextlib import AbstractAsyncContextManager

#: tasks taken ahead, for each place
AHEAD = 4
#: seconds that an analysis usually takes at most for tasks to be taken ahead
QUICK = 1.0
#: how much the latest analysis counts in what an analysis usually takes
LATEST = 0.2


class Places:
    def __init__(self, count: int) -> None:
        self._count = count
        self._turns = asyncio.Semaphore(count)
        self._some_free = asyncio.Event()
        self._some_free.set()
        self._taken = 0
        self._usual: float | None = None

    @property
    def free(self) -> int:
        """How many tasks may be taken; below 0 where loops took more than there is room for."""
        return self._room - self._taken

    def take(self) -> None:
        self._taken += 1
        self._look()

    def give_back(self) -> None:
        self._taken -= 1
        self._look()

    def note(self, seconds: float) -> None:
        """Learn from the length of an analysis."""
        self._usual = seconds if self._usual is None else (1 - LATEST) * self._usual + LATEST * seconds
        self._look()

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Wait until fewer tasks are being worked on than there are places."""
        return self._turns

    async def some_free(self) -> None:
        """Wait for room. With tasks taken ahead, wait until half of the room is free: so one claim brings several."""
        await self._some_free.wait()

    @property
    def _room(self) -> int:
        return self._count * (1 + AHEAD if self._takes_ahead else 1)

    @property
    def _takes_ahead(self) -> bool:
        return self._usual is not None and self._usual < QUICK

    def _look(self) -> None:
        if self.free >= (self._room // 2 if self._takes_ahead else 1):
            self._some_free.set()
        else:
            self._some_free.clear()
