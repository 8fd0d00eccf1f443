"""What is left on the disks that uploads fill: that of the blobs, and others of the service, such as that of its database."""

import os
from collections.abc import Mapping
from pathlib import Path

from samplebank.errors import Unavailable

#: the disk that the store itself is on
BLOBS = "blobs"
NO_ROOM = "The disk of the {} is nearly full; uploads go on when the operator has made room on it."


class Room:
    """Disks by what is on them; uploads leave `reserve` bytes of each free, for what else writes there."""

    def __init__(self, folders: Mapping[str, Path], reserve: int) -> None:
        self._folders = folders
        self._reserve = reserve

    def check(self) -> None:
        """Raise `Unavailable`, which names the disk, unless there is room for uploads on all of them."""
        for disk, free in self.free_bytes().items():
            if free < self._reserve:
                raise Unavailable(NO_ROOM.format(disk))

    def free_bytes(self) -> dict[str, int]:
        """Bytes that this account may still write, by disk."""
        found = {disk: os.statvfs(folder) for disk, folder in self._folders.items()}
        return {disk: one.f_bavail * one.f_frsize for disk, one in found.items()}
