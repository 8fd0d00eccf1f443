"""Waiting for Redis, the bucket and the service. The log tells once that something is away, not at each attempt."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from samplebank.karton.errors import KartonError
from samplebank.worker.errors import WorkerError

SHORTEST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 5.0

log = logging.getLogger("samplebank.karton")


class Patience:
    """Pauses that grow. `back` begins anew after a success."""

    def __init__(self) -> None:
        self._pause = SHORTEST_PAUSE
        self._told = ""

    async def after(self, error: Exception) -> None:
        """Pause after an error, and tell the error if it is another one than before."""
        if str(error) != self._told:
            self._told = str(error)
            log.warning("karton.away", extra={"fields": {"reason": self._told}})
        await asyncio.sleep(self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def back(self) -> None:
        if self._told:
            log.info("karton.back", extra={"fields": {"reason": self._told}})
        self._pause, self._told = SHORTEST_PAUSE, ""


async def repeat(step: Callable[[], Awaitable[None]], pause: float = 0.0) -> None:
    """Do a step for ever, however often something is away, with a pause after each success."""
    patience = Patience()
    while True:
        try:
            await step()
        except (KartonError, WorkerError) as error:
            await patience.after(error)
        else:
            patience.back()
            await asyncio.sleep(pause)
