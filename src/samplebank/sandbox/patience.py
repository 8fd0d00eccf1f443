"""The deadline of a call, which rests while the process of the call waits for a processor.

A busy machine may keep a process waiting for longer than the work takes. A file must not lose its type or its analysis for
that: repeated calls would meet the same machine. A process that hangs or computes waits for no processor.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
#: by how many deadlines a busy machine prolongs a deadline at most
MOST = 5
NANOSECONDS = 1e9


async def answered_within(seconds: float, answer: Coroutine[Any, Any, T], child: int) -> T:
    """Await an answer that a process started by `child` makes. Raises `TimeoutError` when the deadline is over."""
    loop = asyncio.get_running_loop()
    began, waited_before = loop.time(), _waited(child)
    work = asyncio.create_task(answer)
    try:
        left = seconds
        while left > 0:
            await asyncio.wait({work}, timeout=left)
            if work.done():
                return work.result()
            waited = _waited(child) - waited_before + _waited_by_processes_of(child)
            left = began + seconds + min(waited, MOST * seconds) - loop.time()
        raise TimeoutError
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await work


def _waited_by_processes_of(child: int) -> float:
    try:
        processes = Path(f"/proc/{child}/task/{child}/children").read_text("ascii").split()
    except OSError:
        return 0.0
    return sum(_waited(int(process)) for process in processes)


def _waited(process: int) -> float:
    """Seconds for which the thread that waited longest was ready to run. 0 where the kernel does not tell.

    Source: Documentation/scheduler/sched-stats.rst of Linux, second number of `schedstat`.
    """
    longest = 0
    with suppress(OSError, ValueError, IndexError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            longest = max(longest, int((thread / "schedstat").read_text("ascii").split()[1]))
    return longest / NANOSECONDS
