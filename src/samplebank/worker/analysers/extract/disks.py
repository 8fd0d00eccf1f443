"""Disks and partitions in a disk image that are too large for samples of their own. The files on these become samples at once."""

from collections.abc import Callable
from typing import Any

from samplebank.worker.analysers.extract.haul import MOST_CHILD_BYTES, TOO_LARGE, Haul

#: bytes of a disk that is opened in memory, where up to four copies of the disk and of its partition stand
MOST_DISK_BYTES = 320 * 1024 * 1024
MOST_DISKS = 4


def is_disk(size: int) -> bool:
    """Whether a member of a disk image is too large for a sample, and small enough to be opened in memory."""
    return MOST_CHILD_BYTES < size <= MOST_DISK_BYTES


def open_disks(
    reader: Any, haul: Haul, open_within: Callable[[bytes], bool], broken: tuple[type[Exception], ...]
) -> None:
    """Open the disks. `open_within` takes the files of a disk, and answers False for bytes that are none; `broken` is what 7-Zip raises."""
    disks = [item for item in reader.items() if not item.is_dir() and is_disk(item.size())]
    for number, item in enumerate(disks):
        path, size = item.path().replace("\\", "/"), item.size()
        haul.begin(path)
        try:
            has_opened = number < MOST_DISKS and open_within(reader.extract_to(item.index()))
        except (*broken, MemoryError) as error:
            haul.fail(path, size, error)
        else:
            if not has_opened:
                haul.pass_over(path, size, TOO_LARGE)
