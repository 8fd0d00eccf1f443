"""Lists of stored bytes, as text: a line has the area, the SHA-256 with the token of the object, and the size.

A list may have more lines than memory has room for. So lists are written and read line by line, in the order of names.
"""

import hashlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Self

from samplebank.backups.manifest import Summed
from samplebank.blobs import Area, Blob, DiskStore
from samplebank.database import Connection
from samplebank.files import sync

#: rows that the database gives at once, and lines that are worked on together
ROWS, BATCH = 5_000, 2_000
#: in the order of the names of the areas
STORED = {
    Area.EVIDENCE: "SELECT DISTINCT sha256, size, blob_token FROM evidence ORDER BY sha256",
    Area.SAMPLE: "SELECT sha256, size, blob_token FROM sample WHERE deleted_time IS NULL ORDER BY sha256",
}


class Listed(NamedTuple):
    """Stored bytes of a list."""

    area: Area
    blob: Blob
    size: int

    @property
    def name(self) -> str:
        """The name of the bytes, the same for all objects with these bytes."""
        return f"{self.area}/{self.blob.sha256.hex()}"

    @property
    def line(self) -> str:
        return f"{self.area}/{self.blob.name} {self.size}\n"

    def is_in(self, store: DiskStore) -> bool:
        """Whether the folder has a file of the name and of the size. The bytes are not read."""
        try:
            return store.path(self.area, self.blob.sha256).stat().st_size == self.size
        except FileNotFoundError:
            return False

    @classmethod
    def of(cls, line: str) -> Self:
        """Read a line. Raises ValueError for a line of something else."""
        name, _, size = line.partition(" ")
        area, _, blob = name.partition("/")
        return cls(Area(area), Blob.of(blob), int(size))


class ListFile:
    """A list that is being written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("w", encoding="ascii")
        self._digest = hashlib.sha256()
        self._size = 0
        #: lines, and the bytes that the lines name
        self.lines, self.bytes = 0, 0

    def add(self, one: Listed) -> None:
        self._file.write(one.line)
        self._digest.update(one.line.encode())
        self._size += len(one.line)
        self.lines += 1
        self.bytes += one.size

    def close(self) -> Summed:
        self._file.close()
        sync(self._path)
        return Summed(self._size, self._digest.hexdigest())


async def list_stored(db: Connection, path: Path) -> int:
    """List the stored bytes of all rows that the transaction sees; answers the number of lines."""
    listed = ListFile(path)
    for area, statement in STORED.items():
        async for sha256, size, token in db.cursor(statement, prefetch=ROWS):
            listed.add(Listed(area, Blob(sha256, token), size))
    listed.close()
    return listed.lines


def read_list(path: Path) -> Iterator[list[Listed]]:
    """The lines of a list, batch by batch."""
    with path.open(encoding="ascii") as file:
        while batch := [Listed.of(line) for line in islice(file, BATCH)]:
            yield batch
