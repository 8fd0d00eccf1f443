"""Vital work: a process without the work is of no use. The process ends with the work, and its parent starts another."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

log = logging.getLogger("samplebank.serving")
#: exit code of a process that ended itself; EX_SOFTWARE of sysexits.h
FAILED = 70
#: seconds in which the work has to stop; the process does not wait for longer
GRACE = 5.0


@asynccontextmanager
async def vital(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """Keep `work` going as long as the block lasts. If the work ends earlier, the process ends at once.

    A process that went on without the work would say that all is well, and fail every request.
    """
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_end_process)
    try:
        yield
    finally:
        task.remove_done_callback(_end_process)
        task.cancel()
        await asyncio.wait({task}, timeout=GRACE)


def _end_process(task: "asyncio.Task[None]") -> None:
    error = None if task.cancelled() else task.exception()
    log.critical("process.broken", exc_info=error, extra={"fields": {"lost": task.get_name()}})
    logging.shutdown()
    # Not by an exception: the server around the application would go on without the work.
    os._exit(FAILED)
