"""The code inside the children of the tests. Each request says which rule to keep or break."""

import ctypes
import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sandbox.forbidden import ATTEMPTS

Answerer = Callable[[bytes], bytes]
MIB = 1024 * 1024


def obedient(argument: str) -> Answerer:
    """Obey the request. A request without a command comes back reversed."""
    actions: dict[bytes, Answerer] = {
        b"hang": _hang,
        b"spin": _spin,
        b"compute": _compute,
        b"segfault": lambda _: ctypes.string_at(1, 1),
        b"exit": lambda _: sys.exit("I had enough."),
        b"raise": _raise,
        b"eat memory": lambda _: bytes(len(bytearray(4096 * MIB))),
        b"talk too much": lambda _: bytes(3 * MIB),
        b"name yourself": lambda _: str(os.getpid()).encode(),
        b"name your parent": lambda _: str(os.getppid()).encode(),
        b"argument": lambda _: argument.encode(),
        b"environment": lambda _: " ".join(os.environ).encode(),
        b"remember": lambda _: _remembered(),
        b"change the output": lambda _: _changed_output(),
        b"hang up": lambda _: _hang_up(),
        b"start threads": lambda _: _start_threads(),
        b"name what is open": lambda _: " ".join(_open_files()).encode(),
        b"figures": lambda _: Path("/proc/self/stat").read_bytes(),
        b"rights": lambda _: Path("/proc/self/status").read_bytes(),
    }

    def answer(request: bytes) -> bytes:
        verb, _, rest = request.partition(b":")
        if verb == b"read":
            return Path(os.fsdecode(rest)).read_bytes()
        if verb == b"attempt":
            name, _, target = rest.partition(b":")
            return repr(ATTEMPTS[name.decode()](os.fsdecode(target))).encode()
        if verb == b"write":
            return str(Path(os.fsdecode(rest)).write_bytes(b"x")).encode()
        return actions.get(verb, _turned_round)(request)

    return answer


class Unlucky:
    """Be killed in the first calls."""

    def __init__(self, argument: str) -> None:
        self._kills = int(argument)
        self._calls = 0

    def prepare(self) -> None:
        self._calls += 1

    def __call__(self, request: bytes) -> bytes:
        if self._calls <= self._kills:
            signal.raise_signal(signal.SIGKILL)
        return request[::-1]


class Unprepared:
    """End the process that prepares calls."""

    def __init__(self, argument: str) -> None:
        self._status = int(argument)

    def prepare(self) -> None:
        os._exit(self._status)

    def __call__(self, request: bytes) -> bytes:
        return request[::-1]


def with_helper(_: str) -> Answerer:
    """Start a process beside the calls, and name the process in each call."""
    helper = os.fork()
    if not helper:
        _hang(b"")
    return lambda _: str(helper).encode()


def without_start(argument: str) -> Answerer:
    raise ValueError(argument)


def slow_to_start(argument: str) -> Answerer:
    _hang(b"")
    return obedient(argument)


def _compute(_: bytes) -> bytes:
    """Need 0.1 seconds of a processor."""
    while time.process_time() < 0.1:
        pass
    return b"computed"


def _turned_round(request: bytes) -> bytes:
    return request[::-1]


def _hang(_: bytes) -> bytes:
    time.sleep(600)
    return b""


def _spin(_: bytes) -> bytes:
    while True:
        pass


def _raise(_: bytes) -> bytes:
    raise LookupError("no such section")


SEEN: list[None] = []


def _remembered() -> bytes:
    """Count the calls to the process."""
    SEEN.append(None)
    return str(len(SEEN)).encode()


def _changed_output() -> bytes:
    """The flags of the output as they were before this call changed the flags."""
    flags = fcntl.fcntl(1, fcntl.F_GETFL)
    fcntl.fcntl(1, fcntl.F_SETFL, os.O_APPEND | os.O_NONBLOCK)
    return str(flags).encode()


def _hang_up() -> bytes:
    """Close the line, and stay."""
    os.close(0)
    return _hang(b"")


def _open_files() -> list[str]:
    """The numbers of the open files of the process, without the folder of these numbers."""
    return [one.name for one in Path("/proc/self/fd").iterdir() if one.exists()]


def _start_threads() -> bytes:
    """As many threads as can be had, 1000 at most."""
    threading.stack_size(64 * 1024)
    for count in range(1000):
        try:
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        except RuntimeError:
            return str(count).encode()
    return b"1000"
