"""The mark of a blob store: a file that tells the store from an empty folder, such as that of a disk that is not mounted."""

from pathlib import Path

from samplebank.errors import Unavailable
from samplebank.files import sync

NAME = "samplebank-store"
GONE = (
    "The blob store has lost its file {}: its disk may not be mounted. Uploads go on when the store is back."
)


class Mark:
    """The mark of the store in `folder`. A mark that was seen once has to stay."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._was_seen = False

    def is_there(self) -> bool:
        found = self._path.exists()
        self._was_seen = self._was_seen or found
        return found

    def make(self) -> None:
        """Make the mark, on the disk before this returns."""
        self._path.touch()
        sync(self._path.parent)

    def check(self) -> None:
        """Raise `Unavailable` when the mark was seen and has gone."""
        if not self.is_there() and self._was_seen:
            raise Unavailable(GONE.format(NAME))
