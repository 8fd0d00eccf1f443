"""What a child may use, and the frames in which parent and child talk."""

from pathlib import Path
from typing import Any

import msgspec

MIB = 1024 * 1024
HEADER_BYTES = 4
#: with it the parent hands over the line of a call
CALL = b"c"
#: with it the parent has the process of a call ended, and reaped by whose it is
STOP = b"s"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """`readable` is what every call may read, besides its own files and the code.

    `required`: no child starts on a machine that lacks a part of the sandbox.
    """

    memory_bytes: int = 1024 * MIB
    answer_bytes: int = 32 * MIB
    open_files: int = 128
    threads: int = 64
    diagnostics_bytes: int = MIB
    start_seconds: float = 60.0
    niceness: int = 5
    readable: tuple[Path, ...] = ()
    required: bool = True


class Assignment(msgspec.Struct, frozen=True, tag=True):
    """What a child is told first. Not on its command line, which all accounts can see."""

    factory: str
    argument: str
    limits: Limits
    parent: int
    import_from: tuple[Path, ...]


class Request(msgspec.Struct, frozen=True, array_like=True):
    """`reads` are the files that this call may read, and no other."""

    body: bytes
    deadline_seconds: float
    reads: tuple[Path, ...]


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The factory has returned; the first call may come."""


class Ended(msgspec.Struct, frozen=True, tag=True):
    """The process of a call is gone; `status` as of `os.waitstatus_to_exitcode`."""

    status: int


class Unforked(msgspec.Struct, frozen=True, tag=True):
    """There is no process for the call."""

    reason: str


class Answer(msgspec.Struct, frozen=True, tag=True):
    body: bytes


class Exhausted(msgspec.Struct, frozen=True, tag=True):
    """Python noticed that memory ran out, and lives."""


class Refusal(msgspec.Struct, frozen=True, tag=True):
    reason: str


#: what the child itself says, which never sees a sample, and what the process of a call says, which may be an attacker's
Report = Ready | Ended | Unforked
Reply = Answer | Exhausted | Refusal


def framed(message: msgspec.Struct) -> bytes:
    body = msgspec.msgpack.encode(message, enc_hook=str)
    return len(body).to_bytes(HEADER_BYTES, "big") + body


def made_path(kind: type, value: Any) -> Path:
    """The `dec_hook` of everything that names files."""
    if kind is not Path:
        raise TypeError(f"{kind} cannot be read from a message.")
    return Path(value)
