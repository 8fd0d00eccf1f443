"""What a process of the sandbox died of: told from its exit status and its last words."""

import signal

from samplebank.sandbox.errors import Crashed, Killed, OutOfMemory, SandboxError, TimedOut
from samplebank.sandbox.limits import MIB, Limits

# Words that C++, Rust and Python write before giving up for want of memory.
WANT_OF_MEMORY = ("bad_alloc", "memory allocation of", "MemoryError", "Cannot allocate memory")
#: no parser ends itself by these signals; the kernel sends SIGKILL when the machine has no memory left
FROM_OUTSIDE = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
#: what SIGKILL means where nobody sent the signal by hand
NO_MEMORY = (
    " Most likely the machine had no memory left: give the machine more, or run fewer analyses at once."
)


def death_by(status: int, last_words: str, limits: Limits) -> SandboxError:
    """The cause of a death. `status` is that of `os.waitstatus_to_exitcode`."""
    if -status in FROM_OUTSIDE:
        why = NO_MEMORY if status == -signal.SIGKILL else ""
        return Killed(f"The analysis was ended from outside, by {signal.Signals(-status).name}.{why}")
    if is_want_of_memory(last_words):
        return out_of_memory(limits)
    if status == -signal.SIGXCPU:
        return TimedOut("The analysis used up its CPU time.")
    cause = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
    lines = last_words.strip().splitlines()
    detail = f": {lines[-1][:300]}" if lines else "."
    return Crashed(f"The analysis crashed with {cause}{detail}")


def is_want_of_memory(last_words: str) -> bool:
    return any(words in last_words for words in WANT_OF_MEMORY)


def out_of_memory(limits: Limits) -> OutOfMemory:
    return OutOfMemory(f"The analysis needed more than its {limits.memory_bytes // MIB} MiB of memory.")
