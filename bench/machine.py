"""The machine, the load on the machine, and the memory and processor time of the processes of the service."""

import os
import platform
import threading
import time
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Self

import msgspec

TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


class Machine(msgspec.Struct):
    """The facts about the machine that a reader of the figures needs."""

    processor: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    load: tuple[float, float, float]

    def __str__(self) -> str:
        load = " ".join(f"{value:.1f}" for value in self.load)
        return f"{self.processor}, {self.cores} cores, {self.memory_gib:.0f} GiB, Linux {self.kernel}, load {load}"


def describe() -> Machine:
    lines = PROC.joinpath("cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    model = models[0] if models else platform.machine()
    return Machine(model, cores, memory, platform.release(), platform.python_version(), os.getloadavg())


def busy_seconds() -> tuple[float, float]:
    """(busy, all) seconds of all cores since the start of the machine. Shows how much other programs use during a measurement."""
    fields = [int(field) for field in PROC.joinpath("stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS, sum(fields) / TICKS


class Processes:
    """Process trees under some roots."""

    def __init__(self, *roots: int) -> None:
        self._roots = roots

    def ids(self) -> list[int]:
        """The roots and all their descendants now."""
        children: dict[int, list[int]] = {}
        for entry in PROC.iterdir():
            if entry.name.isdigit():
                try:
                    parent = int(entry.joinpath("stat").read_text().rsplit(")", 1)[1].split()[1])
                except (OSError, IndexError):
                    continue
                children.setdefault(parent, []).append(int(entry.name))
        found, waiting = [], list(self._roots)
        while waiting:
            found.append(waiting.pop())
            waiting.extend(children.get(found[-1], ()))
        return found

    def seconds_with_ended(self) -> Iterator[tuple[list[str], float]]:
        """For each process its command and those of its parents, and its processor time with that of its children that have ended."""
        ids = self.ids()
        stats = {id_: stat for id_ in ids if (stat := _read(id_, "stat").rsplit(")", 1)[-1].split())}
        commands = {id_: _read(id_, "cmdline").replace("\0", " ") for id_ in stats}
        for id_, stat in stats.items():
            line, above = [commands[id_]], int(stat[1])
            while above in stats:
                line.append(commands[above])
                above = int(stats[above][1])
            yield line, sum(map(int, stat[11:15])) / TICKS

    def memory(self) -> int:
        """Resident bytes of all processes, without shared memory: PostgreSQL's buffers would count many times."""
        return sum(self.memory_by_process().values())

    def memory_by_process(self) -> dict[int, int]:
        found = {}
        for id_ in self.ids():
            try:
                lines = PROC.joinpath(str(id_), "status").read_text().splitlines()
            except OSError:
                continue
            sizes = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Rss")}
            found[id_] = 1024 * (int(sizes.get("RssAnon", 0)) + int(sizes.get("RssFile", 0)))
        return found

    def processor_seconds(self) -> float:
        """Processor time by the scheduler, which counts in nanoseconds. Ticks of 10 ms would hide the work of an idle process."""
        return sum(self.seconds_by_process().values())

    def seconds_by_process(self) -> dict[int, float]:
        return {id_: _nanoseconds(id_) / 1e9 for id_ in self.ids()}


def _read(process: int, name: str) -> str:
    """A file of a process; empty when the process has ended."""
    try:
        return PROC.joinpath(str(process), name).read_text(errors="replace")
    except OSError:
        return ""


def _nanoseconds(process: int) -> int:
    total = 0
    try:
        for thread in PROC.joinpath(str(process), "task").iterdir():
            total += int(thread.joinpath("schedstat").read_text().split()[0])
    except OSError:
        pass  # the process has ended since it was listed
    return total


class MemoryWatch:
    """The largest memory of processes while the block lasts, looked at every 50 ms."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.before = 0
        self.peak = 0
        #: the largest memory of a single process, in bytes, and the command of the process
        self.largest, self.of_largest = 0, ""

    @property
    def growth_mib(self) -> float:
        return (self.peak - self.before) / 2**20

    def __enter__(self) -> Self:
        self.before = self.peak = self._processes.memory()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self.peak = max(self.peak, self._processes.memory())

    def _look(self) -> None:
        while not self._ended.wait(0.05):
            held = self._processes.memory_by_process()
            self.peak = max(self.peak, sum(held.values()))
            process, size = max(held.items(), key=itemgetter(1), default=(0, 0))
            if size > self.largest:
                self.largest = size
                self.of_largest = " ".join(_read(process, "cmdline").replace("\0", " ").split())


def now() -> float:
    return time.perf_counter()
