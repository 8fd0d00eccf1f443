"""What runs inside the children of these tests: it keeps or breaks the rules as each request says."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

Answerer = Callable[[bytes], bytes]
MIB = 1024 * 1024


def obedient(argument: str) -> Answerer:
    """Do what the request says; turn round what is no command."""
    actions: dict[bytes, Answerer] = {
        b"hang": _hang,
        b"spin": _spin,
        b"segfault": lambda _: ctypes.string_at(1, 1),
        b"exit": lambda _: sys.exit("I had enough."),
        b"raise": _raise,
        b"eat memory": lambda _: bytes(len(bytearray(4096 * MIB))),
        b"talk too much": lambda _: bytes(3 * MIB),
        b"name yourself": lambda _: str(os.getpid()).encode(),
        b"argument": lambda _: argument.encode(),
        b"environment": lambda _: " ".join(os.environ).encode(),
        b"connect": _connect,
        b"start a program": _start_a_program,
        b"fork": lambda _: str(os.fork()).encode(),
        b"kill the parent": _kill_the_parent,
    }

    def answer(request: bytes) -> bytes:
        verb, _, rest = request.partition(b":")
        if verb == b"read":
            return Path(os.fsdecode(rest)).read_bytes()
        if verb == b"write":
            return str(Path(os.fsdecode(rest)).write_bytes(b"x")).encode()
        return actions.get(verb, _turned_round)(request)

    return answer


def without_start(argument: str) -> Answerer:
    raise ValueError(argument)


def slow_to_start(argument: str) -> Answerer:
    _hang(b"")
    return obedient(argument)


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


def _connect(_: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", 9), timeout=5):
        return b"connected"


def _start_a_program(_: bytes) -> bytes:
    return subprocess.run(["/bin/true"], check=True, capture_output=True).stdout


def _kill_the_parent(_: bytes) -> bytes:
    os.kill(os.getppid(), signal.SIGKILL)
    return b"killed"
