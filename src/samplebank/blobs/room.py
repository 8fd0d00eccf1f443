"""Free room on the disks that uploads fill: the disk of the blobs, and others of the service, such as the disk of the database."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path

from samplebank.errors import Unavailable
from samplebank.logs import Faults

#: the disk that the store itself is on
BLOBS = "blobs"
NO_ROOM = "The disk of the {} is nearly full; uploads go on when the operator has made room on it."
#: every upload meets a full disk
faults = Faults(logging.getLogger("samplebank.blobs"))


class Room:
    """Disks by their content. Uploads leave `reserve` bytes of each disk free, for everybody else who writes there."""

    def __init__(self, folders: Mapping[str, Path], reserve: int) -> None:
        self._folders = folders
        self._reserve = reserve

    def check(self) -> None:
        """Raise `Unavailable`, which names the disk, unless there is room for uploads on all disks.

        The log tells the operator, once a minute, which folder is on the full disk.
        """
        for disk, free in self.free_bytes().items():
            if free < self._reserve:
                refusal = Unavailable(NO_ROOM.format(disk))
                faults.tell(
                    "disk.nearly_full",
                    refusal,
                    trace=False,
                    folder=self._folders[disk],
                    free=free,
                    reserve=self._reserve,
                )
                raise refusal

    def free_bytes(self) -> dict[str, int]:
        """Bytes that this account may still write, by disk."""
        found = {disk: os.statvfs(folder) for disk, folder in self._folders.items()}
        return {disk: one.f_bavail * one.f_frsize for disk, one in found.items()}
