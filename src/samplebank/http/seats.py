"""Seats for searches that take long: a few on the whole machine, shared by the processes of the service.

A search that takes long occupies a processor of the database. Where such searches occupy all processors, each short request
waits for a processor at every step. So the processes share a few seats, and a processor stays free.
"""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from samplebank.files import make_lasting_folder

#: seconds between two looks for a free seat; only one request of each process looks
PAUSE = 0.02


class Seats:
    """`number` seats. Each seat is a lock on a file in `folder`, which the kernel frees when the holder dies."""

    def __init__(self, folder: Path, number: int) -> None:
        """Raises `OSError` when the folder cannot be made."""
        make_lasting_folder(folder)
        self._folder = folder
        self._number = number
        #: requests of a process get seats in the order of arrival
        self._first = asyncio.Lock()

    @asynccontextmanager
    async def seat(self) -> AsyncIterator[None]:
        """Hold a seat for as long as the block lasts; waits until a seat is free."""
        async with self._first:
            while True:
                held = self._take()
                if held is not None:
                    break
                await asyncio.sleep(PAUSE)
        try:
            yield
        finally:
            os.close(held)

    def _take(self) -> int | None:
        """Take a free seat: answers the descriptor whose end frees the seat, or None where no seat is free."""
        for place in range(self._number):
            held = os.open(self._folder / f"seat-{place}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return held
            os.close(held)
        return None
