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
NO_FILES = "The disk of the {} has room for hardly any further file (inodes); uploads go on when the operator has made room on it."
#: files that uploads leave free on each disk that has a bound on the number of files
RESERVED_FILES = 500
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
                raise self._refused(disk, NO_ROOM, free=free, reserve=self._reserve)
        for disk, free in self.free_files().items():
            if free < RESERVED_FILES:
                raise self._refused(disk, NO_FILES, files=free, reserve=RESERVED_FILES)

    def _refused(self, disk: str, said: str, **numbers: int) -> Unavailable:
        refusal = Unavailable(said.format(disk))
        faults.tell("disk.nearly_full", refusal, trace=False, folder=self._folders[disk], **numbers)
        return refusal

    def free_bytes(self) -> dict[str, int]:
        """Bytes that this account may still write, by disk."""
        return {disk: one.f_bavail * one.f_frsize for disk, one in self._looked_at().items()}

    def free_files(self) -> dict[str, int]:
        """Files that this account may still make, by disk. A disk without a bound on the number of files is left out."""
        return {disk: one.f_favail for disk, one in self._looked_at().items() if one.f_files}

    def _looked_at(self) -> dict[str, os.statvfs_result]:
        return {disk: os.statvfs(folder) for disk, folder in self._folders.items()}
