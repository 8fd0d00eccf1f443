"""What is asked of the process that knows the rules of a hunt, and what the process answers."""

from pathlib import Path
from typing import Any

import msgspec

from samplebank.sandbox.limits import check_json, made_path, plain

MIB = 1024 * 1024
#: makes the answerer of the rules, which are the argument of the sandbox
FACTORY = "samplebank.worker.hunting.inside:Hunter"
#: bytes of the rules of a hunt, and their number
MOST_RULES_BYTES, MOST_RULES = 512 * 1024, 1000
#: seconds and memory for compiling
COMPILE_SECONDS, COMPILE_BYTES = 20.0, 1024 * MIB
#: memory for a scan: a sample is mapped as a whole
SCAN_BYTES = 5 * 1024 * MIB
#: seconds after which a scan of a batch answers what is done, at the latest
PAUSE_SECONDS = 15.0
#: bytes of the hits of one answer
ANSWER_BYTES = 16 * MIB


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """The seconds of a scan, and of a sample.

    A scan is given up after `scan_seconds`. From the first such scan on, each sample has `sample_seconds`, and a scan has
    `spare_seconds` beyond its samples, as for compiling.
    """

    scan_seconds: float = 15.0
    sample_seconds: int = 10
    spare_seconds: float = 20.0


class Mistake(msgspec.Struct, frozen=True):
    """Why rules cannot be used, with the line in the rules; line 0 for a mistake without a line."""

    message: str
    line: int = 0


class Compile(msgspec.Struct, frozen=True, tag=True):
    """Ask whether the rules can be used."""


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """A sample within the file of a batch; `type` is the type of the sample, or empty."""

    start: int
    size: int
    type: str = ""


class Scan(msgspec.Struct, frozen=True, tag=True):
    """Ask for the rules that match the pieces of a file. The answer tells what is done after `pause_seconds`, one piece at least.

    With `sample_seconds`, the time for each piece is bounded, at a cost: YARA-X takes half as long again for small pieces.
    """

    path: Path
    pieces: list[Piece]
    pause_seconds: float
    sample_seconds: int = 0


class Compiled(msgspec.Struct, frozen=True, tag=True):
    rules: int


class Unusable(msgspec.Struct, frozen=True, tag=True):
    mistakes: list[Mistake]


class Found(msgspec.Struct, frozen=True, array_like=True):
    """The matches in the piece with this number."""

    piece: int
    matches: list[dict[str, Any]]


class Failure(msgspec.Struct, frozen=True, array_like=True):
    piece: int
    reason: str


class Scanned(msgspec.Struct, frozen=True, tag=True):
    """The first `done` pieces were looked at. Of these, some could not be scanned."""

    done: int
    found: list[Found] = []
    failures: list[Failure] = []


Question = Compile | Scan
Reply = Compiled | Unusable | Scanned


def encoded(message: msgspec.Struct) -> bytes:
    return msgspec.msgpack.encode(message, enc_hook=plain)


def decoded_question(message: bytes) -> Question:
    question: Question = msgspec.msgpack.decode(message, type=Question, dec_hook=made_path)
    return question


def decoded_reply(message: bytes) -> Reply:
    """Decode a reply. Raises msgspec.MsgspecError for a message that no honest process sends."""
    reply: Reply = msgspec.msgpack.decode(message, type=Reply)
    check_json(reply)
    return reply
