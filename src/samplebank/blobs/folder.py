"""The locks of a blob folder: shared by uploads, alone for a removal."""

import fcntl
import os
import time
from pathlib import Path

from samplebank.blobs.store import HeldBack

#: seconds for which a removal waits for uploads into the same folder
PATIENCE = 1.0
BUSY = "The bytes are being uploaded again; try again in a moment."
BACKUP = "A backup is under way; bytes are removed when it has ended."


class Folder:
    """An open folder with a lock: shared to keep bytes, until the row of the bytes is committed; alone to remove bytes."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)

    def lock_shared(self) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def lock_against_backups(self) -> None:
        """Share the lock of the whole store. Raises `HeldBack` during a copy.

        Who copies the store by other means than `samplebank backup` may have the lock alone, so that no bytes are removed
        during the copy.
        """
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HeldBack(BACKUP) from None

    def lock(self) -> None:
        """Take the lock alone. Raises `HeldBack` when others do not release the lock in time.

        To wait for ever could be a deadlock: another holder of the lock may wait for the caller's row.
        """
        end = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise HeldBack(BUSY) from None
                time.sleep(PATIENCE / 100)
            else:
                return

    def sync(self) -> None:
        os.fsync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)
