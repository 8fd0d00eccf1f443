"""A disk that fills up under load, with the data folder on it: what was promised stays, and room makes the service whole."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from drill.disks import NoDisk, own_disk
from drill.installations import installed
from drill.restarts import GOAL, SETTINGS, blows
from drill.rows import Row, Toll

#: bytes of the disk, bytes that uploads leave free, and seconds for which the disk is full
DISK, RESERVE, FULL = 768 * 2**20, 16 * 2**20, 5.0
FAULT = "disk of data folder full"


def run(folder: Path, rounds: int) -> Iterator[Row]:
    try:
        with own_disk(folder, DISK) as disk:
            settings = {**SETTINGS, "SAMPLEBANK_DISK_RESERVE": str(RESERVE)}
            with installed(disk.place, settings) as service:
                service.start()
                yield blows(FAULT, service, service.database_url, rounds, lambda: _fill(disk.place))
    except NoDisk as error:
        yield Row(FAULT, 0, GOAL, f"left out: {error}", None)


def _fill(place: Path) -> Toll:
    """Take every byte of the disk for a while."""
    ballast = place / "ballast"
    end = time.monotonic() + FULL
    try:
        with ballast.open("wb") as file:
            while time.monotonic() < end:
                _take(file.fileno(), place)
                time.sleep(0.1)
    finally:
        ballast.unlink()
    return Toll()


def _take(descriptor: int, place: Path) -> None:
    size, free = os.fstat(descriptor).st_size, os.statvfs(place)
    for left in (free.f_bfree * free.f_frsize, free.f_frsize):
        try:
            os.posix_fallocate(descriptor, size, left)
        except OSError:
            continue
