"""How many tasks a worker takes and works on at a time, shared by the loops of all its analysers.

Loops that claim at the same moment may together take more tasks than there are places; these wait for their turn.
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
        """Wait to be one of those who work."""
        return self._turns

    async def some_free(self) -> None:
        await self._some_free.wait()

    def _change(self, by: int) -> None:
        self.free += by
        if self.free > 0:
            self._some_free.set()
        else:
            self._some_free.clear()
