"""The first steps of every process that `samplebank serve` starts."""

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1
#: the environment variable with the process id of the parent
PARENT = "_SAMPLEBANK_PARENT"
#: tells a web process that the service stops: streams to tabs, which never end by themselves, are to end
LAST_CALL = signal.SIGUSR1


def be_parent() -> dict[str, str]:
    """The environment variables for the processes that the current process starts.

    A new process cannot find its parent reliably: the parent could be dead before the new process looks.
    """
    return {PARENT: str(os.getpid())}


def stop_with_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """Let the kernel signal the current process when its parent dies. End at once if the parent is dead already."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != int(os.environ.get(PARENT) or os.getppid()):
        os._exit(1)
