"""The inside of the sandbox: `python -I -m samplebank.sandbox.child`, with a line to the parent as fd 0.

This process makes the answerer and never sees a sample. Each call has a forked process of its own. The forked process is
sealed, answers on a line of its own, and ends. So nothing of one sample can reach the answer to another sample.
"""

import ctypes
import gc
import importlib
import math
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn, TypeVar, cast

import msgspec

from samplebank.sandbox.blame import told
from samplebank.sandbox.confinement import confine, prepare_seal, renew_cpu_seconds, seal
from samplebank.sandbox.large_pages import gather_memory
from samplebank.sandbox.limits import (
    CALL,
    HEADER_BYTES,
    STOP,
    Answer,
    Assignment,
    Ended,
    Exhausted,
    Limits,
    Ready,
    Refusal,
    Reply,
    Report,
    Request,
    Unforked,
    Unready,
    framed,
    made_path,
)

T = TypeVar("T")
#: made here, as a decoder takes longer to make than a call has to decode
REQUESTS = msgspec.msgpack.Decoder(Request, dec_hook=made_path)
ASSIGNMENTS = msgspec.msgpack.Decoder(Assignment, dec_hook=made_path)
Answerer = Callable[[bytes], bytes]
LINE = 0


def run() -> None:
    with socket.socket(fileno=LINE) as parent:
        assignment = _received(parent, ASSIGNMENTS)
        if assignment is None:
            return
        sys.path.extend(map(str, assignment.import_from))
        confine(assignment.limits, assignment.parent)
        answerer = _made_or_told(assignment, parent)
        prepare_seal()
        gc.collect()
        gather_memory(ctypes.CDLL(None))
        # Not before: on a busy machine, a start of low priority takes minutes.
        os.nice(assignment.limits.niceness)
        parent.sendall(framed(Ready()))
        while (call := _next_call(parent)) is not None:
            report = _serve(call, answerer, assignment.limits, parent)
            try:
                parent.sendall(framed(report))
            except OSError:  # the parent has hung up, and waits for this process to end
                os._exit(0)


def _made_or_told(assignment: Assignment, parent: socket.socket) -> Answerer:
    """Make the answerer. Where foreign code fails, tell the parent why, and end."""
    try:
        return _made_by(assignment)
    except MemoryError:  # the parent knows a want of memory by the trace
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 -- foreign code
        traceback.print_exc()
        parent.sendall(framed(Unready(told(error, assignment.import_from))))
        sys.exit(1)


def _made_by(assignment: Assignment) -> Answerer:
    module_name, _, factory_name = assignment.factory.partition(":")
    factory = getattr(importlib.import_module(module_name), factory_name)
    return cast("Answerer", factory(assignment.argument))


def _next_call(parent: socket.socket) -> socket.socket | None:
    while True:
        message, lines, _, _ = socket.recv_fds(parent, len(CALL), 1)
        if message != STOP:  # STOP may come for a call that has just ended
            return socket.socket(fileno=lines[0]) if message and lines else None


def _serve(call: socket.socket, answerer: Answerer, limits: Limits, parent: socket.socket) -> Report:
    with call:
        _prepare(answerer)
        # The collector skips frozen objects. So the process of the call does not touch the objects, and need not copy memory.
        gc.freeze()
        own = os.getpid()
        try:
            process = os.fork()
        except OSError as error:
            return Unforked(f"The sandbox has no process for the call: {error.strerror}.")
        if process == 0:
            _answer_and_end(call, answerer, limits, own)
    # After the block our end of the line is closed. So the line hangs up when the process of the call does.
    return Ended(_status(process, parent))


def _status(process: int, parent: socket.socket) -> int:
    """Wait for the process of a call, and reap the process: nobody else can. Returns the exit status.

    Kills the process when the parent asks for the end, or hangs up.
    """
    ended = os.pidfd_open(process)
    waiting = select.poll()
    waiting.register(ended, select.POLLIN)
    waiting.register(parent, select.POLLIN)
    if all(ready != ended for ready, _ in waiting.poll()):
        os.kill(process, signal.SIGKILL)
    os.close(ended)
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status)


def _prepare(answerer: Answerer) -> None:
    """Let the answerer renew what all calls share. Where renewing fails, the call tries again, and fails by itself."""
    prepare = getattr(answerer, "prepare", None)
    if prepare is not None:
        try:
            prepare()
        except (Exception, SystemExit):  # noqa: BLE001 -- foreign code
            traceback.print_exc()


def _answer_and_end(call: socket.socket, answerer: Answerer, limits: Limits, parent: int) -> NoReturn:
    """Answer one call. Closes the line of the parent before anything of the sample is seen."""
    status = 1
    try:
        os.dup2(call.fileno(), LINE)
        call.close()
        with socket.socket(fileno=LINE) as line:
            request = _received(line, REQUESTS)
            if request is not None:
                os.nice(request.further_niceness)
                seal((*limits.readable, *request.reads), parent=parent, required=limits.required)
                # Twice the deadline: the threads of a parser use CPU time side by side.
                renew_cpu_seconds(2 * math.ceil(request.deadline_seconds) + 1)
                line.sendall(framed(_reply(answerer, request.body, limits.answer_bytes)))
        status = 0
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 1
        if isinstance(stop.code, str):
            sys.stderr.write(f"{stop.code}\n")
    except BaseException:  # noqa: BLE001 -- no error may carry the forked process back into the loop of the child
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _reply(answerer: Answerer, request: bytes, most: int) -> Reply:
    try:
        body = answerer(request)
    except MemoryError:
        return Exhausted()
    except Exception as error:  # noqa: BLE001 -- the one place around foreign code; an error fails this call only
        traceback.print_exc()
        sys.stderr.flush()
        return Refusal(f"The analysis stopped with {type(error).__name__}: {str(error)[:500]}")
    if len(body) > most:
        return Refusal(f"The answer has {len(body)} bytes, more than the {most} allowed.")
    return Answer(body)


def _received(line: socket.socket, decoder: msgspec.msgpack.Decoder[T]) -> T | None:
    """The next message; None when the other end has hung up."""
    header = line.recv(HEADER_BYTES, socket.MSG_WAITALL)
    if len(header) < HEADER_BYTES:
        return None
    size = int.from_bytes(header, "big")
    body = line.recv(size, socket.MSG_WAITALL)
    return decoder.decode(body) if len(body) == size else None


if __name__ == "__main__":
    run()
