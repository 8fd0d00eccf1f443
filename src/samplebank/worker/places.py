"""Counts the tasks that a worker has taken and works on. All analysers of a worker share the places.

Loops that claim at the same moment may together take more tasks than there are places. The surplus tasks wait for a turn.
"""

import asyncio
from contextlib import AbstractAsyncContextManager


class Places:
    def __init__(self, count: int) -> None:
        self._turns = asyncio.Semaphore(count)
        self._some_free = asyncio.Event()
        self.free = count
        self._some_free.set()

    def take(self) -> None:
        self._change(-1)

    def give_back(self) -> None:
        self._change(+1)

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Wait until fewer tasks are being worked on than there are places."""
        return self._turns

    async def some_free(self) -> None:
        await self._some_free.wait()

    def _change(self, by: int) -> None:
        self.free += by
        if self.free > 0:
            self._some_free.set()
        else:
            self._some_free.clear()
