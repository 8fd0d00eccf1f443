"""What a child may use, and the frames in which parent and child talk."""

from pathlib import Path
from typing import Self

import msgspec

MIB = 1024 * 1024
HEADER_BYTES = 4


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """`readable` None lets the child read whatever its user may; a tuple lets it read these and its own code only."""

    memory_bytes: int = 1024 * MIB
    answer_bytes: int = 64 * MIB
    open_files: int = 128
    diagnostics_bytes: int = MIB
    start_seconds: float = 60.0
    calls_per_child: int = 500
    niceness: int = 5
    readable: tuple[Path, ...] | None = None


class Assignment(msgspec.Struct, frozen=True):
    """What a child is told on its command line."""

    factory: str
    argument: str
    limits: Limits
    parent: int
    import_from: tuple[Path, ...]

    def encoded(self) -> str:
        return msgspec.json.encode(self, enc_hook=str).decode()

    @classmethod
    def decoded(cls, text: str) -> Self:
        return msgspec.json.decode(text, type=cls, dec_hook=lambda kind, value: kind(value))


class Request(msgspec.Struct, frozen=True, array_like=True):
    body: bytes
    deadline_seconds: float


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The factory has returned; the first request may come."""


class Answer(msgspec.Struct, frozen=True, tag=True):
    body: bytes


class Exhausted(msgspec.Struct, frozen=True, tag=True):
    """Python noticed that memory ran out, and lives."""


class Refusal(msgspec.Struct, frozen=True, tag=True):
    reason: str


Reply = Ready | Answer | Exhausted | Refusal


def framed(message: msgspec.Struct) -> bytes:
    body = msgspec.msgpack.encode(message)
    return len(body).to_bytes(HEADER_BYTES, "big") + body
