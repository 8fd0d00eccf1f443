"""One child process as the parent sees the child: start, ask, end, and find out why a call died."""

import asyncio
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import msgspec

from samplebank.sandbox.deaths import death_by, is_want_of_memory, out_of_memory
from samplebank.sandbox.diagnostics import Diagnostics
from samplebank.sandbox.errors import (
    ChildKilled,
    Crashed,
    Killed,
    KilledAtStart,
    NotStarted,
    Refused,
    SandboxError,
    TimedOut,
)
from samplebank.sandbox.limits import (
    CALL,
    HEADER_BYTES,
    MIB,
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
)
from samplebank.sandbox.patience import answered_within

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

MOST_PRINTED_BYTES = 16 * 1024
FRAME_OVERHEAD_BYTES = 1024
REPORT_BYTES = 4096
LAST_BREATH_SECONDS = 1.0
#: seconds in which the child says what the process of a call died of: a killed process must not seem to have hung up by itself
OBITUARY_SECONDS = 5.0


class Child:
    """An outdated child (`is_outdated`) serves no further call."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        connection: socket.socket,
        streams: Streams,
        diagnostics: Diagnostics,
        limits: Limits,
    ) -> None:
        self._process = process
        self._connection = connection
        self._reader, self._writer = streams
        self._diagnostics = diagnostics
        self._limits = limits
        self._in_call = False
        self.is_outdated = False

    @classmethod
    async def start(cls, factory: str, argument: str, limits: Limits, import_from: tuple[Path, ...]) -> Self:
        assignment = Assignment(factory, argument, limits, os.getpid(), import_from)
        ours, theirs = socket.socketpair()
        diagnostics = Diagnostics()
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-I", "-B", "-m", "samplebank.sandbox.child"),
                    stdin=theirs.fileno(),
                    stdout=diagnostics.fileno(),
                    stderr=diagnostics.fileno(),
                    cwd="/",
                    env=_environment(),
                    start_new_session=True,  # Ctrl-C is for the parent
                )
            streams = await asyncio.open_unix_connection(sock=ours, limit=MIB)
        except BaseException as error:
            # Also when the caller is cancelled. A started child ends when the line closes.
            ours.close()
            diagnostics.close()
            if isinstance(error, OSError):
                raise NotStarted(f"The sandbox could not be started: {error.strerror}.") from None
            raise
        child = cls(process, ours, streams, diagnostics, limits)
        try:
            await child._become_ready(assignment)
        except BaseException:
            await child.end()
            raise
        return child

    @property
    def is_alive(self) -> bool:
        """Whether the child lives, by a look at the connection. The event loop may not have noticed the end yet."""
        try:
            self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    @property
    def is_free(self) -> bool:
        """Whether another call may be made."""
        return not self._in_call and not self.is_outdated

    async def ask(self, request: Request) -> bytes:
        """Get the answer to a request. Raises `SandboxError`.

        Afterwards the child `is_free`, unless the call could not be ended.
        """
        try:
            return await self._answer(request)
        except SandboxError as error:
            error.last_words = self._diagnostics.last_words(MOST_PRINTED_BYTES)
            raise

    async def _answer(self, request: Request) -> bytes:
        self._in_call = True
        self._diagnostics.forget()
        deadline_seconds = request.deadline_seconds
        answer = self._ask(framed(request))
        try:
            reply = await answered_within(deadline_seconds, answer, self._process.pid)
        except TimeoutError:
            await self._stop_call()
            raise TimedOut(f"The analysis took longer than {deadline_seconds:g} seconds.") from None
        self._in_call = not isinstance(await self._report_within(LAST_BREATH_SECONDS), Ended)
        if self._in_call:  # the call has answered and does not end
            await self._stop_call()
        match reply:
            case Answer(body):
                return body
            case Exhausted():
                raise out_of_memory(self._limits)
            case Refusal(reason):
                raise Refused(reason)

    async def end(self) -> None:
        """Kill the child and free its resources. May be called twice."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()
        if self._in_call:  # the child notices the closed line, and ends the call first
            await self._status_within(LAST_BREATH_SECONDS)
        if self._process.returncode is None:  # else the number may be that of others by now
            # The code of an author may have started processes, such as in a constructor. All are of the group of the child.
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        self._diagnostics.close()

    async def _become_ready(self, assignment: Assignment) -> None:
        seconds = self._limits.start_seconds
        self._writer.write(framed(assignment))
        report = await self._report_within(seconds)
        if isinstance(report, Ready):
            return
        if isinstance(report, Unready) and not is_want_of_memory(self._diagnostics.last_words()):
            raise NotStarted(f"The sandbox did not start. {report.reason}")
        status = await self._status_within(LAST_BREATH_SECONDS)
        if status is None:
            raise NotStarted(f"The sandbox did not start within {seconds:g} seconds.")
        death = self._death_by(status)
        kind = KilledAtStart if isinstance(death, Killed) else NotStarted
        raise kind(f"The sandbox did not start. {death.reason}")

    async def _ask(self, frame: bytes) -> Reply:
        line = await self._open_call()
        try:
            return await self._exchange(line, frame)
        finally:
            line[1].close()

    async def _open_call(self) -> Streams:
        """Open a line to the process of a new call."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                socket.send_fds(self._connection, [CALL], [theirs.fileno()])
            return await asyncio.open_unix_connection(sock=ours, limit=MIB)
        except BaseException as error:
            ours.close()
            if isinstance(error, OSError):
                raise ChildKilled("The sandbox has ended.") from None
            raise

    async def _stop_call(self) -> None:
        with suppress(OSError):
            self._connection.send(STOP)
        self._in_call = not isinstance(await self._report_within(LAST_BREATH_SECONDS), Ended)

    async def _exchange(self, line: Streams, frame: bytes) -> Reply:
        reader, writer = line
        most = self._limits.answer_bytes
        try:
            writer.write(frame)
            await writer.drain()
            size = int.from_bytes(await reader.readexactly(HEADER_BYTES), "big")
            if size > most + FRAME_OVERHEAD_BYTES:
                raise Refused(f"The answer has {size} bytes, more than the {most} allowed.")
            reply: Reply = _decoded(await reader.readexactly(size), Reply)
        except (asyncio.IncompleteReadError, OSError):
            raise await self._death() from None
        return reply

    async def _death(self) -> SandboxError:
        """Find out why the process of the call hung up."""
        match await self._report_within(OBITUARY_SECONDS):
            case Ended(status):
                self._in_call = False
                return self._death_by(status)
            case Unforked(reason):
                self._in_call = False
                return NotStarted(reason)
        own_status = await self._status_within(0)
        if own_status is not None:
            return self._end_of_child(own_status)
        await self._stop_call()
        return Crashed("The analysis hung up without an answer.")

    def _end_of_child(self, status: int) -> SandboxError:
        """Why the child has ended. A child that ends by itself does so in what prepares calls, as the next child would."""
        death = self._death_by(status)
        if isinstance(death, Killed):
            return ChildKilled("The sandbox was ended from outside.")
        return NotStarted(death.reason.replace("The analysis", "The preparation of the analysis", 1))

    def _death_by(self, status: int) -> SandboxError:
        return death_by(status, self._diagnostics.last_words(), self._limits)

    async def _report_within(self, seconds: float) -> Report | None:
        """The next report of the child; None when no report comes in time, or when no report can come any more."""
        try:
            async with asyncio.timeout(seconds):
                size = int.from_bytes(await self._reader.readexactly(HEADER_BYTES), "big")
                report: Report = _decoded(await self._reader.readexactly(min(size, REPORT_BYTES)), Report)
        except (TimeoutError, asyncio.IncompleteReadError, OSError, Refused):
            return None
        return report

    async def _status_within(self, seconds: float) -> int | None:
        """The exit status of the child; None while it lives."""
        # A line that ends with a call unread is reset instead of ended.
        if self._reader.at_eof() or self._reader.exception() is not None:
            seconds = max(seconds, LAST_BREATH_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self._process.wait()
        return None


def _decoded(body: bytes, kind: Any) -> Any:
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError):
        raise Refused("The answer of the analysis cannot be read.") from None


def _environment() -> dict[str, str]:
    """The variables that the interpreter needs to start, and nothing else. Our own environment may hold keys."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return kept | {
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }
