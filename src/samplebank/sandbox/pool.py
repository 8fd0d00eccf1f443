"""The outside of the sandbox: starts children, asks them, kills those that do not behave.

One child serves one call at a time, in a process that ends with the call.
"""

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Self

from samplebank.sandbox.child_process import Child
from samplebank.sandbox.errors import ChildKilled, Killed, KilledAtStart
from samplebank.sandbox.limits import Limits

#: how often a call is made whose own process others kill: perhaps no other kills the process, but its file
TRIES = 2
#: how often a call is made whose child others kill before the child could answer: no file is to blame for that
CHILDREN = 8
#: seconds before another child is started, for each that was killed, and the most of them
PAUSE, LONGEST_PAUSE = 0.05, 1.0


class Sandbox:
    """Calls the function that `factory` ("module:function") makes of `argument` inside children, `children` at once at most.

    A function with a method `prepare` has it called before each call, outside of the process of the call: what it
    keeps is there for all calls.
    """

    def __init__(
        self,
        factory: str,
        argument: str = "",
        *,
        limits: Limits | None = None,
        children: int = 1,
        import_from: tuple[Path, ...] = (),
    ) -> None:
        self._factory = factory
        self._argument = argument
        self._limits = limits or Limits()
        self._import_from = import_from
        self._places = asyncio.Semaphore(children)
        self._idle: list[Child] = []
        self._busy: set[Child] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def warm_up(self) -> None:
        """Start a child now, so that the first call need not wait for it."""
        async with self._places:
            self._idle.append(await self._child())

    async def call(self, request: bytes, deadline_seconds: float, *, reads: tuple[Path, ...] = ()) -> bytes:
        """Get the answer, or a SandboxError. The deadline counts from the moment a child is free and ready.

        The call reads `reads`, what the limits say, and the code.
        """
        killed = lost = 0
        async with self._places:
            while True:
                try:
                    return await self._call_once(request, deadline_seconds, reads)
                except Killed:
                    killed += 1
                    if killed == TRIES:
                        raise
                except (ChildKilled, KilledAtStart):
                    lost += 1
                    if lost == CHILDREN:
                        raise
                    await asyncio.sleep(min(PAUSE * lost, LONGEST_PAUSE))

    async def _call_once(self, request: bytes, deadline_seconds: float, reads: tuple[Path, ...]) -> bytes:
        child = await self._child()
        self._busy.add(child)
        try:
            return await child.ask(request, deadline_seconds, reads)
        finally:
            self._busy.discard(child)
            if child.is_free:
                self._idle.append(child)
            else:  # also when the caller is cancelled: what the child does now is of no use
                await child.end()

    async def renew(self) -> None:
        """Let new children answer from now on: the idle ones end, the others after their call."""
        for child in self._busy:
            child.is_outdated = True
        idle, self._idle = self._idle, []
        await asyncio.gather(*(child.end() for child in idle))

    async def close(self) -> None:
        """End all children; calls under way fail."""
        children, self._idle = [*self._idle, *self._busy], []
        await asyncio.gather(*(child.end() for child in children))

    async def _child(self) -> Child:
        while self._idle:
            child = self._idle.pop()
            if child.is_alive:
                return child
            await child.end()
        return await Child.start(self._factory, self._argument, self._limits, self._import_from)
