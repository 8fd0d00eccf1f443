"""What every process that `samplebank serve` starts does first."""

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1
#: the environment variable with the number of the process that started this one
PARENT = "_SAMPLEBANK_PARENT"


def be_parent() -> dict[str, str]:
    """What the environment of the processes needs that this one starts.

    A process that looked for itself when it begins could have lost its parent by then.
    """
    return {PARENT: str(os.getpid())}


def stop_with_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """Let the kernel send this process a signal when the one that started it dies; end at once if that is dead already."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != int(os.environ.get(PARENT) or os.getppid()):
        os._exit(1)
