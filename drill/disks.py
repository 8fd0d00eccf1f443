"""A disk for the drill alone: an image that is mounted, and can lose power or fill up."""

import contextlib
import fcntl
import os
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

#: _IOR('X', 125, __u32) of the kernel's ext4.h, and the flag for "do not write the journal"
SHUT_DOWN, WITHOUT_LOG = 0x8004587D, 2


class NoDisk(Exception):
    """This machine lets nobody mount an own disk; the text says why."""


class Disk(NamedTuple):
    """A file system (ext4): its image, and the place of the mount."""

    image: Path
    place: Path

    def mount(self) -> None:
        _run("mount", "-o", "loop", str(self.image), str(self.place))

    def unmount(self) -> None:
        """A killed process may hold the disk for a moment."""
        for _ in range(100):
            if not self.place.is_mount():
                return
            with contextlib.suppress(NoDisk):
                _run("umount", str(self.place))
                return
            time.sleep(0.1)
        _run("umount", str(self.place))

    def lose_power(self) -> None:
        descriptor = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, SHUT_DOWN, struct.pack("I", WITHOUT_LOG))
        finally:
            os.close(descriptor)


@contextmanager
def own_disk(folder: Path, size: int) -> Iterator[Disk]:
    """Mount a new disk. Raises `NoDisk` where nobody may."""
    disk = Disk(folder / "disk.img", folder / "disk")
    disk.place.mkdir(exist_ok=True)
    disk.image.unlink(missing_ok=True)
    with disk.image.open("wb") as file:
        file.truncate(size)
    try:
        _run("mkfs.ext4", "-q", "-F", str(disk.image))
        disk.mount()
        try:
            disk.place.chmod(0o755)
            yield disk
        finally:
            disk.unmount()
    finally:
        disk.image.unlink(missing_ok=True)


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise NoDisk(f"there is no {command[0]}") from error
    if done.returncode:
        raise NoDisk(f"{command[0]} says: {done.stderr.strip()}")
