"""Where a process keeps its figures for /metrics: in files of the service's folder, which all processes read.

prometheus_client maps the files into memory. On a full disk, writing to a hole of a mapped file ends the process
(SIGBUS), so the room of each file is taken in advance. A file belongs to a place among the processes, not to a process:
a process that is started again takes the place of an earlier process, and goes on with the earlier figures.
"""

import fcntl
import logging
import os
import struct
from itertools import count
from pathlib import Path

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

log = logging.getLogger("samplebank.serving")
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
#: bytes for each kind of figure; a thousand combinations of labels take a quarter of a MiB
ROOM = {"counter": 2**20, "histogram": 2**20, "gauge_max": 2**16, "gauge_sum": 2**16}
#: what is said about a file that a process left in the middle of a change
TORN = (RuntimeError, ValueError, struct.error)


def keep_figures() -> None:
    """Keep the figures in files. Must be called before the first figure is made.

    Without room for the files, the figures are kept in memory, and only the process itself shows the figures.
    """
    folder = os.environ.get(FOLDER)
    if folder is None:
        return
    try:
        place = _Place(Path(folder))
    except OSError as error:
        log.warning("figures.own", extra={"fields": {"why": error.strerror}})
        del os.environ[FOLDER]
        values.ValueClass = values.MutexValue
    else:
        os.register_at_fork(after_in_child=place.take_another)
        values.ValueClass = values.MultiProcessValue(lambda: place.number)  # type: ignore[no-untyped-call]


class _Place:
    """The place of this process. prometheus_client opens other files as soon as the number changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.number = _take_place(folder)

    def take_another(self) -> None:
        """Take a place for a copy of the process. Without room for more files, the copy shares the place of the parent."""
        try:
            self.number = _take_place(self._folder)
        except OSError as error:
            log.warning("figures.shared", extra={"fields": {"why": error.strerror}})


def _take_place(folder: Path) -> int:
    """Take the first place that no living process has. The place is held until the process ends."""
    for place in count():
        held = os.open(folder / f"place-{place}", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(held)
            continue
        for kind, room in ROOM.items():
            _take_room(folder / f"{kind}_{place}.db", room)
        return place
    raise AssertionError


def _take_room(path: Path, room: int) -> None:
    try:
        if path.exists():
            list(MmapedDict.read_all_values_from_file(path))  # type: ignore[no-untyped-call]
    except TORN:
        path.unlink()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, room)
    except OSError:
        # The next process at the place would map the file without all of the room.
        path.unlink()
        raise
    finally:
        os.close(descriptor)
