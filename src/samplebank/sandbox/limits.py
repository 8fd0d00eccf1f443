"""The limits of a child, and the messages between parent and child."""

import os
from pathlib import Path
from typing import Any

import msgspec

MIB = 1024 * 1024
#: of children, and of children whose work may wait for all other work
NICENESS, LOWEST_PRIORITY = 5, 19
HEADER_BYTES = 4
#: the parent sends CALL along with the line of a new call
CALL = b"c"
#: the parent sends STOP to have the process of a call killed: only the child can reap the process
STOP = b"s"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """`readable` names the files that every call may read, besides the files of the call and the code.

    `required`: no child starts on a machine that lacks a part of the sandbox.
    """

    memory_bytes: int = 1024 * MIB
    answer_bytes: int = 32 * MIB
    open_files: int = 128
    threads: int = 64
    diagnostics_bytes: int = MIB
    start_seconds: float = 60.0
    niceness: int = NICENESS
    readable: tuple[Path, ...] = ()
    required: bool = True


class Assignment(msgspec.Struct, frozen=True, tag=True):
    """The first message to a child. Not on the command line: all accounts can see command lines."""

    factory: str
    argument: str
    limits: Limits
    parent: int
    import_from: tuple[Path, ...]


class Request(msgspec.Struct, frozen=True, array_like=True):
    """`reads` names the files that only this call may read. `further_niceness` comes on top of the niceness of the child."""

    body: bytes
    deadline_seconds: float
    reads: tuple[Path, ...]
    further_niceness: int = 0


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The factory has returned; the first call may come."""


class Unready(msgspec.Struct, frozen=True, tag=True):
    """The factory has failed. The child ends."""

    reason: str


class Ended(msgspec.Struct, frozen=True, tag=True):
    """The process of a call is gone; `status` as of `os.waitstatus_to_exitcode`."""

    status: int


class Unforked(msgspec.Struct, frozen=True, tag=True):
    """No process could be forked for the call."""

    reason: str


class Answer(msgspec.Struct, frozen=True, tag=True):
    body: bytes


class Exhausted(msgspec.Struct, frozen=True, tag=True):
    """Python noticed that memory ran out, and lives on."""


class Refusal(msgspec.Struct, frozen=True, tag=True):
    reason: str


#: A Report comes from the child, which never sees a sample. A Reply comes from the process of a call: an attacker may forge it.
Report = Ready | Unready | Ended | Unforked
Reply = Answer | Exhausted | Refusal


def framed(message: msgspec.Struct) -> bytes:
    body = msgspec.msgpack.encode(message, enc_hook=plain)
    return len(body).to_bytes(HEADER_BYTES, "big") + body


def made_path(kind: type, value: Any) -> Path:
    """The `dec_hook` of all messages that name files."""
    if kind is not Path:
        raise TypeError(f"{kind} cannot be read from a message.")
    return Path(os.fsdecode(value))


def plain(value: Any) -> bytes | str:
    """The `enc_hook` of all messages that name files. Names of files are bytes, and need not be text."""
    return os.fsencode(value) if isinstance(value, Path) else str(value)


def check_json(told: Any) -> None:
    """Raise msgspec.ValidationError for values of a child that JSON cannot tell, such as objects with lists as names."""
    try:
        msgspec.json.encode(told)
    except (TypeError, ValueError, RecursionError, OverflowError):
        raise msgspec.ValidationError("The message holds what is no JSON.") from None
