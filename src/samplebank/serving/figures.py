"""Where a process keeps its figures for /metrics: in files of the service's folder, which all of its processes read.

prometheus_client maps them into memory. On a full disk, writing to a hole of such a file ends the process (SIGBUS), so
their room is taken in advance. They belong to a place among the processes, not to a process: who is started again goes on
with the figures of the one before.
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
    """To be called before the first figure. Where there is no room for files, they are those of this process only."""
    folder = os.environ.get(FOLDER)
    if folder is None:
        return
    try:
        place = _take_place(Path(folder))
    except OSError as error:
        log.warning("figures.own", extra={"fields": {"why": error.strerror}})
        del os.environ[FOLDER]
        values.ValueClass = values.MutexValue
    else:
        values.ValueClass = values.MultiProcessValue(lambda: place)  # type: ignore[no-untyped-call]


def _take_place(folder: Path) -> int:
    """The first place that no living process has; it is held until this one ends."""
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
        # a file without all of its room would be mapped by whoever comes next
        path.unlink()
        raise
    finally:
        os.close(descriptor)
