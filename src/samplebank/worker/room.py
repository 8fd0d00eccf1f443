"""Room for samples in the scratch folder of a worker.

A worker without room fails each task within milliseconds, so the worker would claim the tasks of all others, and use up
their attempts. So after a file that did not fit, the worker claims nothing until there is room.
"""

import asyncio
import logging
import os
import secrets
from pathlib import Path

#: bytes that have to fit before the next claim, and seconds between two looks
ENOUGH = 1024 * 1024
PAUSE_SECONDS = 2.0

log = logging.getLogger("samplebank.worker")


class Room:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._is_doubted = False
        #: the loops of all analysers wait here, and the log tells once
        self._is_told = False

    def doubt(self) -> None:
        """Note that a file could not be written."""
        self._is_doubted = True

    async def some(self) -> None:
        """Wait until the folder takes files. Without a doubt, nothing is looked at."""
        while self._is_doubted:
            try:
                await asyncio.to_thread(self._try_to_write)
            except OSError as error:
                if not self._is_told:
                    self._tell(logging.WARNING, "worker.no_room", reason=str(error))
                self._is_told = True
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                self._is_doubted = False
        if self._is_told:
            self._is_told = False
            self._tell(logging.INFO, "worker.has_room")

    def _try_to_write(self) -> None:
        # a cleaner of temporary folders may have removed the folder
        self.folder.mkdir(mode=0o700, exist_ok=True)
        path = self.folder / f"probe-{secrets.token_hex(16)}"
        try:
            with path.open("xb") as file:
                os.posix_fallocate(file.fileno(), 0, ENOUGH)
        finally:
            path.unlink(missing_ok=True)

    def _tell(self, level: int, event: str, **about: str) -> None:
        log.log(level, event, extra={"fields": {"folder": str(self.folder), **about}})
