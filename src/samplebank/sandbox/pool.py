"""The outside of the sandbox: starts children, asks them, kills those that do not behave.

One child answers one call at a time. A call that ends badly ends its child with it.
"""

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Self

from samplebank.sandbox.child_process import Child
from samplebank.sandbox.limits import Limits


class Sandbox:
    """Calls the function that `factory` ("module:function") makes of `argument` inside children, `children` at once at most."""

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

    async def call(self, request: bytes, deadline_seconds: float) -> bytes:
        """Get the answer, or a SandboxError. The deadline counts from the moment a child is free and ready."""
        async with self._places:
            child = await self._child()
            self._busy.add(child)
            try:
                answer = await child.ask(request, deadline_seconds)
            except BaseException:  # also when the caller is cancelled: what the child does now is of no use
                await child.end()
                raise
            finally:
                self._busy.discard(child)
            if child.calls_left:
                self._idle.append(child)
            else:
                await child.end()
            return answer

    async def renew(self) -> None:
        """Let new children answer from now on: the idle ones end, the others after their call."""
        for child in self._busy:
            child.calls_left = 0
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
