"""Power cuts within the first seconds of a new installation, on an own disk, shut down without its log."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from bench.service import Service, Unusable

from drill.disks import Disk, NoDisk, own_disk
from drill.promises import broken
from drill.restarts import SETTINGS
from drill.rows import Row, Toll
from samplebank.files import sync
from samplebank.rehearsal.load import Load, Promise
from samplebank.rehearsal.processes import kill

#: bytes of the disk, of which few are ever written
DISK = 2 * 2**30
#: seconds after the first start within which power is lost
FIRST = 15.0
GOAL = "all start again, 0 lost"


def run(folder: Path, rounds: int) -> Iterator[Row]:
    broken_ones, lost, promised = [], 0, 0
    for number in range(rounds):
        try:
            with own_disk(folder, DISK) as disk:
                after = FIRST * number / rounds
                done = _round(disk, after)
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


def _round(disk: Disk, after: float) -> tuple[int, int] | None:
    """One first start, and power lost `after` so many seconds; (promised, lost), None where the service does not start again."""
    with Service(disk.place, settings=SETTINGS) as service:
        sync(disk.place)  # the folder around the service's data is ours, and shall not be what is lost
        promises, key = _until_the_cut(service, after)
        ended = service.processes_so_far()
        disk.lose_power()
        kill(ended)
        _await_ends(ended)
        disk.unmount()
        disk.mount()
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


def _await_ends(pids: list[int]) -> None:
    end = time.monotonic() + 30
    while any(_lives(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False
