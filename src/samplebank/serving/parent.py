"""What every process that `samplebank serve` starts does first."""

import ctypes
import signal

PR_SET_PDEATHSIG = 1


def stop_with_parent() -> None:
    """Let the kernel end this process when the one that started it dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
