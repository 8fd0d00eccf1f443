"""The server process of a PostgreSQL data folder: named by the lock file, confirmed by the kernel.

After a crash, the process number in the lock file may belong to any other process, above all in a container.
"""

import contextlib
import os
from pathlib import Path

LOCK_FILE = "postmaster.pid"
#: the line of the lock file that tells the state, counted from 0, and the state after the order to stop
STATE_LINE, STOPPING = 7, "stopping"


def find(data: Path) -> int | None:
    """Find the number of the server process of `data`; None where no server runs."""
    pid = _number_in(data / LOCK_FILE)
    return pid if pid is not None and _serves(pid, data) else None


def is_stopping(data: Path) -> bool:
    lines = _lines_of(data / LOCK_FILE)
    return len(lines) > STATE_LINE and lines[STATE_LINE].strip() == STOPPING


def forget(data: Path, sockets: Path) -> None:
    """Remove the lock files that a dead server left. To be called where `find` finds no server.

    PostgreSQL removes left lock files itself, unless the number belongs to a process of the same account. PostgreSQL still
    refuses to start beside processes of the former server, as the processes share the server's memory.
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
    """Whether the process is a PostgreSQL on `data`. Children are named `postgres: …`, and dead processes have no name."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    if Path(os.fsdecode(words[0])).name != "postgres":
        return False
    if b"-D" not in words[:-1]:
        return True
    folder = Path(os.fsdecode(words[words.index(b"-D") + 1]))
    # an inherited descriptor stands for the folder: see `run_for_cluster`
    if folder.is_relative_to("/proc/self"):
        return True
    try:
        # a relative path, named from another working folder, cannot be told from `data`
        return not folder.is_absolute() or folder.samefile(data)
    except OSError:
        return True
