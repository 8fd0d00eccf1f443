"""The inside of the sandbox: `python -I -m samplebank.sandbox.child ASSIGNMENT`, with a socket to the parent as fd 0.

The factory runs once, then its result answers request after request until the parent hangs up.
"""

import importlib
import math
import socket
import sys
import traceback
from collections.abc import Callable
from typing import cast

import msgspec

from samplebank.sandbox.confinement import confine, renew_cpu_seconds
from samplebank.sandbox.limits import (
    HEADER_BYTES,
    Answer,
    Assignment,
    Exhausted,
    Ready,
    Refusal,
    Reply,
    Request,
    framed,
)

Answerer = Callable[[bytes], bytes]


def run(command_line: list[str]) -> None:
    assignment = Assignment.decoded(command_line[1])
    sys.path.extend(map(str, assignment.import_from))
    confine(assignment.limits, assignment.parent)
    with socket.socket(fileno=0) as parent:
        answerer = _made_by(assignment)
        parent.sendall(framed(Ready()))
        while (request := _next_request(parent)) is not None:
            # Twice the deadline, for parsers with threads of their own.
            renew_cpu_seconds(2 * math.ceil(request.deadline_seconds) + 1)
            parent.sendall(framed(_reply(answerer, request.body, assignment.limits.answer_bytes)))


def _made_by(assignment: Assignment) -> Answerer:
    module_name, _, factory_name = assignment.factory.partition(":")
    factory = getattr(importlib.import_module(module_name), factory_name)
    return cast("Answerer", factory(assignment.argument))


def _reply(answerer: Answerer, request: bytes, most: int) -> Reply:
    try:
        body = answerer(request)
    except MemoryError:
        return Exhausted()
    except Exception as error:  # noqa: BLE001 -- the one place around foreign code; whatever it raises costs this call only
        traceback.print_exc()
        sys.stderr.flush()
        return Refusal(f"The analysis stopped with {type(error).__name__}: {str(error)[:500]}")
    if len(body) > most:
        return Refusal(f"The answer has {len(body)} bytes, more than the {most} allowed.")
    return Answer(body)


def _next_request(parent: socket.socket) -> Request | None:
    header = parent.recv(HEADER_BYTES, socket.MSG_WAITALL)
    if len(header) < HEADER_BYTES:
        return None
    size = int.from_bytes(header, "big")
    body = parent.recv(size, socket.MSG_WAITALL)
    return msgspec.msgpack.decode(body, type=Request) if len(body) == size else None


if __name__ == "__main__":
    run(sys.argv)
