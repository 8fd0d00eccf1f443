"""Disks, partitions and other members that are too large for samples of their own, and not too large for the memory.

The files on a disk become samples, and of a member with padding what stands before the padding.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from samplebank.worker.analysers.extract.haul import MOST_CHILD_BYTES, TOO_LARGE, Haul

#: bytes of a disk that is opened in memory, where up to four copies of the disk and of its partition stand
MOST_DISK_BYTES = 320 * 1024 * 1024
MOST_DISKS = 4
#: what Python and pybit7z raise where the memory is used up
NO_MEMORY = (MemoryError, RuntimeError)


def is_disk(size: int) -> bool:
    """Whether a member is too large for a sample, and small enough to be unpacked in memory."""
    return MOST_CHILD_BYTES < size <= MOST_DISK_BYTES


def open_disks(
    reader: Any, haul: Haul, open_within: Callable[[bytes], bool], broken: tuple[type[Exception], ...]
) -> None:
    """Open the disks. `open_within` takes the files of a disk, and answers False for bytes that are none; `broken` is what 7-Zip raises."""
    failures: tuple[type[Exception], ...] = (*broken, *NO_MEMORY)
    disks = [item for item in reader.items() if not item.is_dir() and is_disk(item.size())]
    for number, item in enumerate(disks):
        path, size = item.path().replace("\\", "/"), item.size()
        haul.begin(path)
        try:
            has_opened = number < MOST_DISKS and open_within(reader.extract_to(item.index()))
        except failures as error:
            haul.fail(path, size, error)
        else:
            if not has_opened:
                haul.pass_over(path, size, TOO_LARGE)


def take_padded(
    item: Any, unpack: Callable[[], bytes], haul: Haul, how: str, broken: tuple[type[Exception], ...]
) -> None:
    """Take what stands before the padding of a member that is too large, where `unpack` gives the member."""
    if is_disk(item.size()) and haul.may_look():
        with suppress(*broken, *NO_MEMORY):
            haul.take_padded(item.path().replace("\\", "/"), unpack(), how)
