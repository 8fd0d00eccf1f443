"""Gives up, in a fresh process, everything that a parser does not need.

First the parent of all calls is confined (`confine`): the parent never sees a sample. Then the process of each call is
sealed for good (`seal`). `missing_parts` names the parts that the kernel lacks. The caller decides whether to go on without.
"""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

from samplebank.sandbox.landlock import OpenedPath, forbid_files, has_landlock, opened_path
from samplebank.sandbox.limits import Limits
from samplebank.sandbox.privileges import drop_capabilities, leave_root
from samplebank.sandbox.seccomp import forbid_system_calls, has_filters, prepare_filter

SET_PARENT_DEATH_SIGNAL, SET_NO_NEW_PRIVILEGES = 1, 38
NEW_USER_NAMESPACE, NEW_NETWORK_NAMESPACE = 0x10000000, 0x40000000
SYSTEM_CODE = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime")
#: another folder for each process
OWN_FACTS = Path("/proc/self")
MACHINE_FACTS = (
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system/cpu",
    "/dev/urandom",
    "/dev/null",
)
LANDLOCK = "Landlock (Linux 5.13 or later, among the security modules of the kernel)"
SECCOMP = "filters of system calls (seccomp, on x86_64 and aarch64)"


@cache
def missing_parts() -> tuple[str, ...]:
    """The parts of a full sandbox that this machine lacks. Each text says which machines have the part."""
    libc = ctypes.CDLL(None, use_errno=True)
    offered = {LANDLOCK: has_landlock(libc), SECCOMP: has_filters(libc)}
    return tuple(part for part, is_there in offered.items() if not is_there)


def confine(limits: Limits, parent: int) -> None:
    """Confine the parent of all calls. Must run before any thread starts.

    Namespaces and Landlock hold only for the calling thread and its descendants.
    """
    if limits.required and (missing := missing_parts()):
        sys.exit(f"This machine has no {' and no '.join(missing)}.")
    libc = ctypes.CDLL(None, use_errno=True)
    _set_resource_limits(limits)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    leave_root(libc)
    has_own_count = libc.unshare(NEW_USER_NAMESPACE | NEW_NETWORK_NAMESPACE) == 0
    if has_own_count:
        # In the namespace of all others, the limit would count all processes of the account, ours too.
        resource.setrlimit(resource.RLIMIT_NPROC, (limits.threads, limits.threads))
    else:
        libc.unshare(NEW_NETWORK_NAMESPACE)
    drop_capabilities(libc)
    end_with(libc, parent)
    libc.prctl(SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    forbid_files(libc, None)


def prepare_seal() -> None:
    """Make beforehand what each `seal` needs, in the parent of all calls."""
    libc = _libc()
    _own_code(tuple(sys.path))
    prepare_filter()
    # Python looks for a function of the C library, and makes what its arguments need, at the first call.
    libc.prctl(SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    has_landlock(libc)


def seal(readable: Iterable[Path], *, parent: int, required: bool) -> None:
    """Leave only the right to read `readable` and the code. Ends the process where sealing is required and fails."""
    libc = _libc()
    end_with(libc, parent)
    named = [path for path in map(opened_path, (OWN_FACTS, *readable)) if path is not None]
    opened = [*named, *_own_code(tuple(sys.path))]
    has_no_files = forbid_files(libc, opened)
    for path in opened:
        os.close(path.descriptor)
    sealed = has_no_files, forbid_system_calls(libc)
    if required and not all(sealed):
        sys.exit("The sandbox could not be closed.")


def end_with(libc: ctypes.CDLL, parent: int) -> None:
    """Let the kernel kill this process when the parent ends. A later change of credentials would undo the setting."""
    libc.prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("The parent has ended before its child could start.")


def renew_cpu_seconds(seconds: int) -> None:
    """Let this process use `seconds` more of CPU time at most. The last resort for when the parent itself is stopped."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    allowed = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (allowed, allowed + 1))


def _set_resource_limits(limits: Limits) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.diagnostics_bytes, limits.diagnostics_bytes))
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits.open_files, limits.open_files))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


@cache
def _own_code(search_path: tuple[str, ...]) -> tuple[OpenedPath, ...]:
    """The code, opened once for all calls. The process of a call closes the code before the process sees a sample."""
    names = [*SYSTEM_CODE, *MACHINE_FACTS, sys.prefix, sys.base_prefix, *search_path]
    opened = [opened_path(Path(name)) for name in dict.fromkeys(names) if name]
    return tuple(path for path in opened if path is not None)
