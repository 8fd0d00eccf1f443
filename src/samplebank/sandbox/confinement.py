"""Gives up, in a fresh child, everything a parser does not need.

What the kernel does not offer is left out silently, but without the resource limits the child does not start.
"""

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

from samplebank.sandbox.landlock import forbid_files
from samplebank.sandbox.limits import Limits
from samplebank.sandbox.seccomp import forbid_system_calls

SET_PARENT_DEATH_SIGNAL, SET_NO_NEW_PRIVILEGES = 1, 38
NEW_USER_NAMESPACE, NEW_NETWORK_NAMESPACE = 0x10000000, 0x40000000
SYSTEM_CODE = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime")
MACHINE_FACTS = (
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system/cpu",
    "/dev/urandom",
    "/dev/null",
)


def confine(limits: Limits, parent: int) -> None:
    """Must run before any thread is started: namespaces and Landlock hold for the calling thread and its descendants."""
    libc = ctypes.CDLL(None, use_errno=True)
    _set_resource_limits(limits)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    os.nice(limits.niceness)
    if libc.unshare(NEW_NETWORK_NAMESPACE) != 0:
        libc.unshare(NEW_USER_NAMESPACE | NEW_NETWORK_NAMESPACE)
    # After unshare: a change of credentials clears the signal.
    libc.prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("The parent has ended before its child could start.")
    libc.prctl(SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    forbid_files(libc, None if limits.readable is None else (*limits.readable, *_own_code()))
    forbid_system_calls(libc)


def renew_cpu_seconds(seconds: int) -> None:
    """Let this process use `seconds` more of CPU: the last resort when the parent itself is stopped."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    allowed = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (allowed, resource.RLIM_INFINITY))


def _set_resource_limits(limits: Limits) -> None:
    # No RLIMIT_NPROC: it counts all processes of the user, ours too. The system call filter forbids processes.
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.diagnostics_bytes, limits.diagnostics_bytes))
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits.open_files, limits.open_files))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _own_code() -> list[Path]:
    names = [*SYSTEM_CODE, *MACHINE_FACTS, sys.prefix, sys.base_prefix, *sys.path]
    return [Path(name) for name in names if name]
