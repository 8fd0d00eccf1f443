"""The mark of a blob store: a file with the identity of the store.

The mark tells the store from an empty folder, such as that of a disk that is not mounted, and from other stores.
"""

import secrets
from pathlib import Path
from uuid import UUID

from samplebank.errors import Invalid, Unavailable
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

    def identity(self) -> UUID | None:
        """Read the identity; None where there is no mark, or the empty mark of an earlier release."""
        try:
            text = self._path.read_text("ascii", "replace").strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(f"{self._path} cannot be read: {error.strerror}.") from error
        self._was_seen = True
        try:
            return UUID(text) if text else None
        except ValueError:
            raise Invalid(
                f"{self._path} holds no identity of a blob store: bring it back from a backup."
            ) from None

    def make(self, identity: UUID) -> None:
        """Make the mark, all at once, and on the disk before this returns."""
        beside = self._path.with_name(f"{NAME}.{secrets.token_hex(4)}")
        beside.write_text(f"{identity}\n", "ascii")
        sync(beside)
        beside.rename(self._path)
        sync(self._path.parent)
        self._was_seen = True

    def check(self) -> None:
        """Raise `Unavailable` when the mark was seen and has gone."""
        if not self.is_there() and self._was_seen:
            raise Unavailable(GONE.format(NAME))
