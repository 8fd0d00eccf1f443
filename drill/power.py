"""Power cuts within the first seconds of a new installation, on an own disk, shut down without its log."""

import contextlib
import fcntl
import os
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.service import Service, Unusable

from drill.promises import broken
from drill.restarts import SETTINGS
from drill.rows import Row, Toll
from samplebank.files import sync
from samplebank.rehearsal.load import Load, Promise
from samplebank.rehearsal.processes import kill

#: bytes of the disk, of which few are ever written
DISK = 2 * 2**30
#: _IOR('X', 125, __u32) of the kernel's ext4.h, and the flag for "do not write the journal"
SHUT_DOWN, WITHOUT_LOG = 0x8004587D, 2
#: seconds after the first start within which power is lost
FIRST = 15.0
GOAL = "all start again, 0 lost"


class NoDisk(Exception):
    """This machine lets nobody mount an own disk; the text says why."""


def run(folder: Path, rounds: int) -> Iterator[Row]:
    broken_ones, lost, promised = [], 0, 0
    for number in range(rounds):
        try:
            with _disk(folder) as (image, mounted):
                after = FIRST * number / rounds
                done = _round(image, mounted, after)
        except NoDisk as error:
            yield Row("power cuts", 0, GOAL, f"left out: {error}", None)
            return
        if done is None:
            broken_ones.append(f"{after:.1f}")
        else:
            promised, lost = promised + done[0], lost + done[1]
    seen = f"{rounds - len(broken_ones)} start again; {promised} promised, {lost} lost"
    if broken_ones:
        seen += f"; not after {', '.join(broken_ones)} s"
    yield Row(
        f"power cuts 0 to {FIRST:.0f} s after the first start",
        rounds,
        GOAL,
        seen,
        not broken_ones and not lost,
        Toll(cuts=rounds, promised=promised, lost=lost),
    )


def _round(image: Path, mounted: Path, after: float) -> tuple[int, int] | None:
    """One first start, and power lost `after` so many seconds; (promised, lost), None where the service does not start again."""
    with Service(mounted, settings=SETTINGS) as service:
        sync(mounted)  # the folder around the service's data is ours, and shall not be what is lost
        promises, key = _until_the_cut(service, after)
        ended = service.processes_so_far()
        _shut_down(mounted)
        kill(ended)
        _await_ends(ended)
        _unmount(mounted)
        _mount(image, mounted)
        try:
            service.start()
        except Unusable:
            return None
        lost, _ = broken(service.url, key, promises) if promises else (0, 0)
        return len(promises), lost


def _until_the_cut(service: Service, after: float) -> tuple[list[Promise], str]:
    """Start for the first time, and submit as soon as possible; what was promised until the cut."""
    began = time.monotonic()
    service.launch()
    while time.monotonic() - began < after and not service.is_ready():
        time.sleep(0.05)
    if not service.is_ready():
        return [], ""
    key = service.key
    with Load(service.url, key) as load:
        time.sleep(max(0.0, after - (time.monotonic() - began)))
        return list(load.promises), key


def _shut_down(mounted: Path) -> None:
    descriptor = os.open(mounted, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, SHUT_DOWN, struct.pack("I", WITHOUT_LOG))
    finally:
        os.close(descriptor)


def _await_ends(pids: list[int]) -> None:
    end = time.monotonic() + 30
    while any(_lives(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


@contextmanager
def _disk(folder: Path) -> Iterator[tuple[Path, Path]]:
    """A file system (ext4) for the drill alone: the image, and the place of the mount."""
    image, mounted = folder / "disk.img", folder / "disk"
    mounted.mkdir(exist_ok=True)
    image.unlink(missing_ok=True)
    with image.open("wb") as file:
        file.truncate(DISK)
    try:
        _run("mkfs.ext4", "-q", "-F", str(image))
        _mount(image, mounted)
        try:
            mounted.chmod(0o755)
            yield image, mounted
        finally:
            _unmount(mounted)
    finally:
        image.unlink(missing_ok=True)


def _mount(image: Path, mounted: Path) -> None:
    _run("mount", "-o", "loop", str(image), str(mounted))


def _unmount(mounted: Path) -> None:
    """A killed process may hold the disk for a moment."""
    for _ in range(100):
        if not mounted.is_mount():
            return
        with contextlib.suppress(NoDisk):
            _run("umount", str(mounted))
            return
        time.sleep(0.1)
    _run("umount", str(mounted))


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise NoDisk(f"there is no {command[0]}") from error
    if done.returncode:
        raise NoDisk(f"{command[0]} says: {done.stderr.strip()}")
