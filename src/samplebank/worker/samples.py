"""The samples that the tasks of a worker look at. Analysers that look at a sample at the same time share one download."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from samplebank.worker.client import ServiceClient


class FetchedSample:
    """A sample in the scratch folder, for as long as some task holds the sample. `size` is None until the sample is there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size: int | None = None
        self.holders = 0
        self.turn = asyncio.Lock()

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


class Samples:
    def __init__(self, client: ServiceClient, folder: Path) -> None:
        self._client = client
        self._folder = folder
        self._held: dict[str, FetchedSample] = {}

    @asynccontextmanager
    async def fetched(self, sha256: str) -> AsyncIterator[tuple[Path, int]]:
        """The file of a sample and its size in bytes. The file is gone when nobody holds the sample any more.

        A task whose download fails fails alone: the next task that waits for the sample tries with its own claim.
        """
        sample = self._held.setdefault(sha256, FetchedSample(self._folder / secrets.token_hex(16)))
        sample.holders += 1
        try:
            async with sample.turn:
                if sample.size is None:
                    sample.size = await self._download(sha256, sample)
            yield sample.path, sample.size
        finally:
            sample.holders -= 1
            if not sample.holders:
                del self._held[sha256]
                sample.remove()

    async def _download(self, sha256: str, sample: FetchedSample) -> int:
        # a cleaner of temporary folders may have removed the folder
        self._folder.mkdir(mode=0o700, exist_ok=True)
        try:
            return await self._client.download(sha256, sample.path)
        except BaseException:
            sample.remove()
            raise
