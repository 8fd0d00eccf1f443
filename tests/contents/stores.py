"""A blob store with a count of the bytes read."""

import hashlib
from collections.abc import AsyncGenerator
from pathlib import Path

from samplebank.blobs import Area, DiskStore
from samplebank.samples.model import Sample

SIZE = 2 * 1024**3


class CountedStore(DiskStore):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.prepare()
        self.bytes_read = 0

    async def read(
        self, area: Area, sha256: bytes, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        async for piece in super().read(area, sha256, start, length):
            self.bytes_read += len(piece)
            yield piece


def kept(store: DiskStore, data: bytes) -> Sample:
    """A stored sample with the bytes."""
    sample = Sample(1, hashlib.sha256(data).digest(), len(data), 0, None)
    store.path(Area.SAMPLE, sample.sha256).write_bytes(data)
    return sample


def kept_huge(store: DiskStore, parts: dict[int, bytes]) -> Sample:
    """A stored sample of 2 GiB: the parts at their offsets, and holes between them."""
    sample = Sample(1, bytes(32), SIZE, 0, None)
    with store.path(Area.SAMPLE, sample.sha256).open("wb") as file:
        file.truncate(SIZE)
        for offset, part in parts.items():
            file.seek(offset)
            file.write(part)
    return sample
