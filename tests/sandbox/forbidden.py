"""Attempts of a parser that a sample has taken over. Each attempt takes the path of a foreign file."""

import ctypes
import fcntl
import os
import resource
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
IPC_CREATE, NEW_KEY = 0o1000, 0
O_ASYNC, SET_OWNER_BY_DEVICE = fcntl.FASYNC, 0x8901
NEW_USER_NAMESPACE = 0x10000000
UNLIMITED = ctypes.byref((ctypes.c_ulong * 2)(ctypes.c_ulong(-1).value, ctypes.c_ulong(-1).value))
#: kernels will have the call one day
UNKNOWN_CALL = 999


def called(function: str, *arguments: object) -> int:
    """Call the C library, which knows the number of the system call on this machine; OSError when the kernel refuses."""
    result: int = getattr(LIBC, function)(*arguments)
    if result == -1:
        raise OSError(ctypes.get_errno(), f"{function} was refused")
    return result


def own_signals(_: str) -> None:
    """Have the kernel send signals to the parent for us."""
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getppid())


ATTEMPTS: Mapping[str, Callable[[str], object]] = {
    "change the mode": lambda path: Path(path).chmod(0o640),
    "change the owner": lambda path: os.chown(path, os.getuid(), -1),
    "change the times": lambda path: os.utime(path, (0, 0)),
    "set an attribute": lambda path: os.setxattr(path, "user.x", b"x"),
    "list attributes": os.listxattr,
    "truncate": lambda path: os.truncate(path, 0),
    "truncate by opening": lambda path: os.open(path, os.O_RDONLY | os.O_TRUNC),
    "open for writing": lambda path: os.open(path, os.O_WRONLY),
    "open for both": lambda path: os.open(path, os.O_RDWR),
    "make by opening": lambda path: os.open(f"{path}.new", os.O_RDONLY | os.O_CREAT),
    "make a file without a name": lambda path: os.open(Path(path).parent, os.O_RDWR | os.O_TMPFILE),
    "remove": os.unlink,
    "rename": lambda path: Path(path).rename(f"{path}.moved"),
    "link": lambda path: os.link(path, f"{path}.link"),
    "link by name": lambda path: Path(f"{path}.link").symlink_to(path),
    "make a folder": lambda path: Path(f"{path}.folder").mkdir(),
    "make a pipe with a name": lambda path: os.mkfifo(f"{path}.pipe"),
    "make a file in memory": lambda _: os.memfd_create("x"),
    "read": lambda path: Path(path).read_bytes(),
    "read the parent's environment": lambda _: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
    "read the parent's memory": lambda _: Path(f"/proc/{os.getppid()}/mem").read_bytes(),
    "lock": lambda _: fcntl.flock(1, fcntl.LOCK_EX),
    "lock a part": lambda _: fcntl.lockf(1, fcntl.LOCK_EX),
    "own signals": own_signals,
    "own signals by device": lambda _: fcntl.ioctl(0, SET_OWNER_BY_DEVICE, b"\1\0\0\0"),
    "change the root": lambda path: os.chroot(Path(path).parent),
    "change the folder": lambda path: os.chdir(Path(path).parent),
    "share memory": lambda _: called("shmget", NEW_KEY, 4096, IPC_CREATE | 0o600),
    "share semaphores": lambda _: called("semget", NEW_KEY, 1, IPC_CREATE | 0o600),
    "share messages": lambda _: called("msgget", NEW_KEY, IPC_CREATE | 0o600),
    "queue messages": lambda _: called("mq_open", b"/samplebank", os.O_RDWR | os.O_CREAT, 0o600, None),
    "lower the parent's priority": lambda _: os.setpriority(os.PRIO_PROCESS, os.getppid(), 19),
    "schedule the parent": lambda _: os.sched_setscheduler(os.getppid(), os.SCHED_IDLE, os.sched_param(0)),
    "move the parent": lambda _: os.sched_setaffinity(os.getppid(), {0}),
    "limit the parent": lambda _: resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1)),
    "outlive its time": lambda _: called("setrlimit", resource.RLIMIT_CPU, UNLIMITED),
    "change the personality": lambda _: called("personality", 0x0040000),
    "signal the parent": lambda _: os.kill(os.getppid(), signal.SIGKILL),
    "signal everybody": lambda _: os.kill(-1, 0),
    "find the parent": lambda _: os.pidfd_open(os.getppid()),
    "watch the parent": lambda _: called("ptrace", 16, os.getppid(), 0, 0),
    "connect": lambda _: socket.create_connection(("127.0.0.1", 9), timeout=5),
    "open a socket": lambda _: socket.socket(socket.AF_UNIX),
    "open a pair of sockets": lambda _: socket.socketpair(),
    "send out of band": lambda _: called("send", 0, b"x", 1, socket.MSG_OOB),
    "receive out of band": lambda _: called("recv", 0, bytes(1), 1, socket.MSG_OOB),
    "pass a descriptor on": lambda _: socket.send_fds(socket.socket(fileno=0), [b"x"], [1]),
    "fork": lambda _: os.fork(),
    "start a program": lambda _: subprocess.run(["/bin/true"], check=True),
    "become a program": lambda _: os.execv("/bin/true", ["true"]),  # noqa: S606 -- refused
    "change the account": lambda _: os.setuid(1),
    "leave the session": lambda _: os.setsid(),
    "make a namespace": lambda _: called("unshare", NEW_USER_NAMESPACE),
    "mount": lambda path: called("mount", b"none", path.encode(), b"tmpfs", 0, None),
    "give memory a policy": lambda _: called("mlockall", 1),
    "be traceable": lambda _: called("prctl", 4, 1, 0, 0, 0),
    "make a call that nobody knows yet": lambda _: called("syscall", UNKNOWN_CALL),
}
