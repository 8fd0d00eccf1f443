"""The outside of the sandbox: starts children, asks them, kills those that do not behave.

One child serves one call at a time, in a process that ends with the call.
"""

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Self

from samplebank.sandbox.child_process import Child
from samplebank.sandbox.errors import Killed, KilledAtStart
from samplebank.sandbox.limits import Limits

#: how often a call is made that others disturb; who kills it each time is perhaps no other, but the sample
TRIES = 2


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
        async with self._places:
            for _ in range(TRIES - 1):
                try:
                    return await self._call_once(request, deadline_seconds, reads)
                except (Killed, KilledAtStart):
                    continue
            return await self._call_once(request, deadline_seconds, reads)

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
