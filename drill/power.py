"""Power cuts within the first seconds of a new installation, on an own disk, shut down without its log."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from bench.service import Service, Unusable

from drill.disks import Disk, NoDisk, own_disk
from drill.promises import broken
from drill.restarts import SETTINGS, WHOLE
from drill.rows import Row, Toll, came_back
from samplebank.files import sync
from samplebank.rehearsal.load import Load, Promise
from samplebank.rehearsal.processes import kill

#: bytes of the disk, of which few are ever written
DISK = 2 * 2**30
#: seconds after the first start within which power is lost
FIRST = 15.0
GOAL = f"all start again <= {WHOLE:.0f} s, 0 lost"


def run(folder: Path, rounds: int) -> Iterator[Row]:
    away, toll = list[str](), Toll()
    for number in range(rounds):
        after = FIRST * number / rounds
        try:
            with own_disk(folder, DISK) as disk:
                done = _round(disk, after)
        except NoDisk as error:
            yield Row("power cuts", 0, GOAL, f"left out: {error}", None)
            return
        toll += done
        if done.away:
            away.append(f"{after:.1f}")
    seen = f"{toll.back} start again, after {toll.whole:.1f} s at most; {toll.promised} promised, {toll.lost} lost"
    if away:
        seen += f"; not after {', '.join(away)} s"
    fault = f"power cuts 0 to {FIRST:.0f} s after the first start"
    yield Row(fault, rounds, GOAL, seen, not toll.away + toll.lost, toll)


def _round(disk: Disk, after: float) -> Toll:
    """One first start, and power lost `after` so many seconds."""
    with Service(disk.place, settings=SETTINGS) as service:
        sync(disk.place)  # the folder around the service's data is ours, and shall not be what is lost
        promises, key = _until_the_cut(service, after)
        ended = service.processes_so_far()
        disk.lose_power()
        kill(ended)
        _await_ends(ended)
        disk.unmount()
        disk.mount()
        toll = Toll(cuts=1, promised=len(promises))
        try:
            seconds = service.start()
        except Unusable:
            return toll + came_back([None])
        lost, _ = broken(service.url, key, promises) if promises else (0, 0)
        return toll + Toll(lost=lost) + came_back([seconds if seconds <= WHOLE else None])


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


def _await_ends(pids: list[int]) -> None:
    end = time.monotonic() + 30
    while any(_lives(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False
