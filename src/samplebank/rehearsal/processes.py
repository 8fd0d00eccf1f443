"""The processes below a service, and their ends."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterable


def children(parent: int, words: str) -> list[int]:
    """The processes that `parent` has started with these words in their command, however long (`-ww`) the command is."""
    listed = subprocess.run(  # noqa: S603 the arguments are ours
        ["ps", "-ww", "--ppid", str(parent), "-o", "pid=,args="],  # noqa: S607 wherever it lies
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if words in line]


def kill(pids: Iterable[int], number: int = signal.SIGKILL) -> int:
    """Send the processes a signal at once. Returns how many existed."""
    reached = 0
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            reached += 1
    return reached
