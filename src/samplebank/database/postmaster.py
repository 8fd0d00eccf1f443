"""The server process of a PostgreSQL data folder, as its lock file names it and the kernel confirms it.

The number in a lock file that a crash left behind may belong to any other process by now, above all in a container.
"""

import contextlib
import os
from pathlib import Path

LOCK_FILE = "postmaster.pid"
#: the line of the lock file that tells the state, from 0, and what it says from the order to stop on
STATE_LINE, STOPPING = 7, "stopping"


def find(data: Path) -> int | None:
    """The number of the server process of `data`; None where none runs."""
    pid = _number_in(data / LOCK_FILE)
    return pid if pid is not None and _serves(pid, data) else None


def is_stopping(data: Path) -> bool:
    lines = _lines_of(data / LOCK_FILE)
    return len(lines) > STATE_LINE and lines[STATE_LINE].strip() == STOPPING


def forget(data: Path, sockets: Path) -> None:
    """Remove the lock files of a server that ended without doing so. To be called where `find` finds none.

    PostgreSQL does so itself, unless the number belongs to a process of the same account. It still refuses to start
    beside processes of the former server, as those share its memory.
    """
    for path in (data / LOCK_FILE, *sockets.glob(".s.PGSQL.*.lock")):
        pid = _number_in(path)
        if pid is not None and not _serves(pid, data):
            path.unlink(missing_ok=True)


def _lines_of(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _number_in(path: Path) -> int | None:
    lines = _lines_of(path)
    with contextlib.suppress(ValueError, IndexError):
        return abs(int(lines[0]))
    return None


def _serves(pid: int, data: Path) -> bool:
    """Whether the process is a PostgreSQL on `data`. Its children call themselves `postgres: …`, and the dead nothing."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    if Path(os.fsdecode(words[0])).name != "postgres":
        return False
    if b"-D" not in words[:-1]:
        return True
    folder = Path(os.fsdecode(words[words.index(b"-D") + 1]))
    if folder.is_relative_to(
        "/proc/self"
    ):  # a descriptor that was handed over, so that no folder above need be opened
        return True
    try:
        # one that was named from another working folder cannot be told from ours
        return not folder.is_absolute() or folder.samefile(data)
    except OSError:
        return True
