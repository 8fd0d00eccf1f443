"""Runs of the drill that are kept in a file, one line for each kind of fault, so that several runs make one table."""

import os
import platform
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from drill.rows import Fault, Row

ROOT = Path(__file__).parent.parent


class Done(msgspec.Struct, frozen=True):
    """One kind of fault, done in one run.

    `run` is the time when the run began. `rounds` is 0 where the rounds broke off, and where the machine does not allow the fault.
    """

    run: str
    commit: str
    machine: str
    fault: str
    rounds: int
    seconds: float
    rows: tuple[Row, ...]


class Run(msgspec.Struct, frozen=True):
    """What all kinds of faults of a run have in common."""

    began: str
    commit: str
    machine: str

    def done(self, fault: str, rounds: int, seconds: float, rows: Iterable[Row]) -> Done:
        return Done(self.began, self.commit, self.machine, fault, rounds, seconds, tuple(rows))


def begin() -> Run:
    machine = f"{os.cpu_count()} processors, Linux {platform.release().split('-')[0]}"
    return Run(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}", _commit(), machine)


def _commit() -> str:
    """The commit of the sources, with a word where files were changed since."""
    told = subprocess.run(
        ["git", "describe", "--always", "--exclude=*", "--dirty=-changed"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip() or "an unknown commit"


def add(file: Path, done: Done) -> None:
    """Add a line to the file. What was done stays, also where the run does not come to its end."""
    with file.open("ab") as lines:
        lines.write(msgspec.json.encode(done) + b"\n")


def read(files: Iterable[Path]) -> list[Done]:
    """All that the files hold. A line that two files hold counts once."""
    lines = dict.fromkeys(line for file in files for line in file.read_bytes().splitlines() if line)
    return [msgspec.json.decode(line, type=Done) for line in lines]


def extent(done: Sequence[Done], faults: Sequence[Fault]) -> str:
    """How much of the drill was done, in words."""
    most = {one.name: max((it.rounds for it in done if it.fault == one.name), default=0) for one in faults}
    if all(most[one.name] >= one.full for one in faults):
        return "all rounds"
    complete = sum(most[one.name] >= one.full for one in faults)
    left_out = sum(not most[one.name] for one in faults)
    fewer = len(faults) - complete - left_out
    return f"of {len(faults)} kinds of faults all rounds of {complete}, fewer of {fewer}, none of {left_out}"


def in_order(done: Iterable[Done], faults: Sequence[Fault]) -> Iterator[Row]:
    """The rows in the order of the faults, and the rows of a fault in the order of the runs."""
    places = {one.name: place for place, one in enumerate(faults)}
    for one in sorted(done, key=lambda it: (places.get(it.fault, len(places)), it.run)):
        yield from one.rows


def origin(done: Sequence[Done]) -> str:
    """Where the rows come from: runs, commits, days, minutes and machines."""
    runs, commits, machines = (
        list(dict.fromkeys(getattr(one, name) for one in done)) for name in ("run", "commit", "machine")
    )
    days = sorted({one.run[:10] for one in done})
    number = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    minutes = sum(one.seconds for one in done) / 60
    return f"{number} at {', '.join(commits)}, {' to '.join(days[:1] + days[1:][-1:])}, {minutes:.0f} minutes on {'; '.join(machines)}"
