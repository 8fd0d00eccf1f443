"""Time limits that cost next to nothing: a single timer looks after all limits.

`asyncio.timeout` sets a timer for each block. Every request passes several limited blocks, and hardly any limit is
ever reached.
"""

import asyncio
from types import TracebackType
from typing import Self

#: seconds between two looks; a block ends at most so many seconds after its limit
TICK = 0.25


class Deadline:
    """Ends a block that lasts longer than `seconds`: cancels the block, and raises `TimeoutError` at the block's end."""

    __slots__ = ("_cancelling", "_task", "_watch", "end", "passed", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self.end = 0.0
        self.passed = False

    def __enter__(self) -> Self:
        self._watch = watch = _watch()
        self._task = task = asyncio.current_task(watch.loop)
        if task is not None:
            self._cancelling = task.cancelling()
        self.end = watch.loop.time() + self.seconds
        watch.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watch.open.discard(self)
        task = self._task
        if (
            self.passed
            and task is not None
            and task.uncancel() <= self._cancelling
            and _is_cancellation(kind)
        ):
            raise TimeoutError from error

    def pass_(self) -> None:
        """Cancel the block."""
        self.passed = True
        if self._task is not None:
            self._task.cancel()


def _is_cancellation(kind: type[BaseException] | None) -> bool:
    return kind is not None and issubclass(kind, asyncio.CancelledError)


class _Watch:
    """The open deadlines of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.open: set[Deadline] = set()
        self._is_looking = False

    def add(self, deadline: Deadline) -> None:
        self.open.add(deadline)
        if not self._is_looking:
            self._is_looking = True
            self.loop.call_later(TICK, self._look)

    def _look(self) -> None:
        now = self.loop.time()
        for deadline in [one for one in self.open if one.end <= now and not one.passed]:
            deadline.pass_()
        self._is_looking = bool(self.open)
        if self._is_looking:
            self.loop.call_later(TICK, self._look)


_watches: dict[asyncio.AbstractEventLoop, _Watch] = {}


def _watch() -> _Watch:
    loop = asyncio.get_running_loop()
    watch = _watches.get(loop)
    if watch is None:
        # forget closed loops: a process has one loop, tests have many
        for ended in [one for one in _watches if one.is_closed()]:
            del _watches[ended]
        watch = _watches[loop] = _Watch(loop)
    return watch
