"""The outside of the sandbox: starts children, asks children, and kills misbehaving children.

A child serves one call at a time. Each call has a process of its own, and the process ends with the call.
"""

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Self

from samplebank.sandbox.child_process import Child
from samplebank.sandbox.errors import ChildKilled, Killed, KilledAtStart
from samplebank.sandbox.limits import Limits, Request

#: how often a call is made whose own process others kill: perhaps no other kills the process, but its file
TRIES = 2
#: how often a call is made whose child others kill before the child could answer: no file is to blame for that
CHILDREN = 8
#: seconds before another child is started, for each that was killed, and the most of them
PAUSE, LONGEST_PAUSE = 0.05, 1.0


class Sandbox:
    """Calls a function inside of child processes: the function that `factory` ("module:function") makes of `argument`.

    `children` bounds the calls at the same time. If the function has a method `prepare`, the method is called before each
    call, outside of the process of the call. What `prepare` keeps is there for all later calls.
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
        """Start a child now, so that the first call need not wait for the start."""
        async with self._places:
            self._idle.append(await self._child())

    async def call(
        self,
        body: bytes,
        deadline_seconds: float,
        *,
        reads: tuple[Path, ...] = (),
        further_niceness: int = 0,
    ) -> bytes:
        """Get the answer. The deadline counts from the moment a child is free and ready. Raises `SandboxError`.

        The call may read the files in `reads`, the files that the limits name, and the code. `further_niceness` comes on top
        of the niceness that the limits name.
        """
        request = Request(body, deadline_seconds, reads, further_niceness)
        killed = lost = 0
        async with self._places:
            while True:
                try:
                    return await self._call_once(request)
                except Killed:
                    killed += 1
                    if killed == TRIES:
                        raise
                except (ChildKilled, KilledAtStart):
                    lost += 1
                    if lost == CHILDREN:
                        raise
                    await asyncio.sleep(min(PAUSE * lost, LONGEST_PAUSE))

    async def _call_once(self, request: Request) -> bytes:
        child = await self._child()
        self._busy.add(child)
        try:
            return await child.ask(request)
        finally:
            self._busy.discard(child)
            if child.is_free:
                self._idle.append(child)
            else:  # also when the caller is cancelled: nobody waits for the answer any more
                await child.end()

    async def renew(self) -> None:
        """Let new children answer from now on. Idle children end now, busy children end after the call."""
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
