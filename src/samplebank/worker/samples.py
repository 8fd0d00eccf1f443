"""The samples that the tasks of a worker look at. Analysers that look at a sample one soon after the other share one download."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from samplebank.worker.client import ServiceClient
from samplebank.worker.room import Room

#: seconds that the file of a small sample stays for the task of another analyser
KEPT_SECONDS = 5.0
#: files that stay at most, and bytes of the largest of the files
MOST_KEPT, MOST_KEPT_BYTES = 32, 2 * 1024 * 1024


class FetchedSample:
    """A sample in the scratch folder. `size` is None until the sample is there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size: int | None = None
        self.holders = 0
        self.turn = asyncio.Lock()
        #: ends the stay of a file that no task holds
        self.end: asyncio.TimerHandle | None = None

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


class Samples:
    def __init__(self, client: ServiceClient, folder: Path) -> None:
        self.room = Room(folder)
        self._client = client
        self._folder = folder
        self._there: dict[str, FetchedSample] = {}
        #: samples that no task holds, by SHA-256, the oldest first
        self._kept: dict[str, FetchedSample] = {}

    @asynccontextmanager
    async def fetched(self, sha256: str) -> AsyncIterator[tuple[Path, int]]:
        """The file of a sample and its size in bytes. A small file stays a moment after the last task has let the file go.

        A task whose download fails fails alone: the next task that waits for the sample tries with its own claim.
        """
        sample = self._there.setdefault(sha256, FetchedSample(self._folder / secrets.token_hex(16)))
        self._hold(sha256, sample)
        try:
            async with sample.turn:
                if sample.size is None:
                    sample.size = await self._download(sha256, sample)
            yield sample.path, sample.size
        finally:
            sample.holders -= 1
            if not sample.holders:
                self._let_go(sha256, sample)

    def _hold(self, sha256: str, sample: FetchedSample) -> None:
        sample.holders += 1
        self._kept.pop(sha256, None)
        if sample.end is not None:
            sample.end.cancel()

    def _let_go(self, sha256: str, sample: FetchedSample) -> None:
        self._kept[sha256] = sample
        if sample.size is None or sample.size > MOST_KEPT_BYTES:
            self._remove(sha256)
            return
        sample.end = asyncio.get_running_loop().call_later(KEPT_SECONDS, self._remove, sha256)
        if len(self._kept) > MOST_KEPT:
            self._remove(next(iter(self._kept)))

    def _remove(self, sha256: str) -> None:
        sample = self._kept.pop(sha256)
        del self._there[sha256]
        if sample.end is not None:
            sample.end.cancel()
        sample.remove()

    async def _download(self, sha256: str, sample: FetchedSample) -> int:
        try:
            # a cleaner of temporary folders may have removed the folder
            self._folder.mkdir(mode=0o700, exist_ok=True)
            return await self._client.download(sha256, sample.path)
        except BaseException as error:
            if isinstance(error, OSError):
                self.room.doubt()
            sample.remove()
            raise
