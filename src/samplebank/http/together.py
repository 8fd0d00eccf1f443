"""Requests that ask the same at the same time are answered together."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

R = TypeVar("R")
Work = Callable[[], Awaitable[R]]


class Together:
    """Reading that several ask for at once. What is asked for is told by a key.

    Each asker gets what was read after the asker came, as by a reading of the asker's own: who has written before knows the
    own writing. So nobody joins a reading that has begun. Those who come meanwhile share the next reading.
    """

    def __init__(self) -> None:
        #: by what is asked for: the reading that has not begun; None where a reading is under way, and nobody waits for another
        self._next: dict[Hashable, _Reading | None] = {}

    async def read(self, key: Hashable, work: Work[R]) -> R:
        """Share a reading, which does the work of the asker who came last. Raises what the work raises.

        A reading ends when all who wait for the reading have gone.
        """
        if key in self._next:
            reading = self._next[key]
            if reading is None:
                reading = self._next[key] = _Reading()
        else:
            reading = self._next[key] = _Reading()
            self._begin(key, reading)
        shared: R = await reading.outcome_of(work)
        return shared

    def _begin(self, key: Hashable, reading: "_Reading") -> None:
        reading.task = asyncio.ensure_future(self._run(key, reading))
        reading.task.add_done_callback(lambda _: self._go_on(key))

    async def _run(self, key: Hashable, reading: "_Reading") -> None:
        self._next[key] = None
        await reading.run()

    def _go_on(self, key: Hashable) -> None:
        """Begin the next reading, if anybody waits for one."""
        reading = self._next.pop(key)
        if reading is not None and reading.waiting:
            self._next[key] = reading
            self._begin(key, reading)


class _Reading:
    """A reading, and those who wait for the outcome."""

    def __init__(self) -> None:
        self.waiting = 0
        self.task: asyncio.Future[None] | None = None
        self._work: Work[Any] | None = None
        self._outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def outcome_of(self, work: Work[Any]) -> Any:
        # The time of the last asker is the latest: what an earlier asker has just written lies before.
        self._work = work
        self.waiting += 1
        try:
            return await asyncio.shield(self._outcome)
        finally:
            self.waiting -= 1
            if not self.waiting and self.task is not None:
                self.task.cancel()

    async def run(self) -> None:
        assert self._work is not None  # noqa: S101 somebody has asked
        try:
            found = await self._work()
        except Exception as error:  # noqa: BLE001 raised by each who waits
            self._outcome.set_exception(error)
        else:
            self._outcome.set_result(found)
