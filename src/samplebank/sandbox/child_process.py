"""One child process as its parent sees it: start, ask, end, and find out what it died of."""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

import msgspec

from samplebank.sandbox.errors import Crashed, NotStarted, OutOfMemory, Refused, SandboxError, TimedOut
from samplebank.sandbox.limits import (
    HEADER_BYTES,
    MIB,
    Answer,
    Assignment,
    Exhausted,
    Limits,
    Ready,
    Refusal,
    Reply,
    Request,
    framed,
)

# What C++, Rust and Python write before they give up for want of memory.
WANT_OF_MEMORY = ("bad_alloc", "memory allocation of", "MemoryError", "Cannot allocate memory")
LAST_WORDS_BYTES = 2000
FRAME_OVERHEAD_BYTES = 1024
LAST_BREATH_SECONDS = 1.0


class Child:
    def __init__(
        self,
        process: asyncio.subprocess.Process,
        connection: socket.socket,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        diagnostics: IO[bytes],
        limits: Limits,
    ) -> None:
        self._process = process
        self._connection = connection
        self._reader, self._writer = streams
        self._diagnostics = diagnostics
        self._limits = limits
        self.calls_left = limits.calls_per_child

    @classmethod
    async def start(cls, factory: str, argument: str, limits: Limits, import_from: tuple[Path, ...]) -> Self:
        assignment = Assignment(factory, argument, limits, os.getpid(), import_from).encoded()
        ours, theirs = socket.socketpair()
        diagnostics = tempfile.TemporaryFile()  # noqa: SIM115 -- lives as long as the child; end() closes it
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-I", "-B", "-m", "samplebank.sandbox.child"),
                    assignment,
                    stdin=theirs.fileno(),
                    stdout=diagnostics.fileno(),
                    stderr=diagnostics.fileno(),
                    cwd="/",
                    env=_environment(),
                )
            streams = await asyncio.open_unix_connection(sock=ours, limit=MIB)
        except BaseException as error:
            # Also when the caller is cancelled; a child that is there already ends when its line does.
            ours.close()
            diagnostics.close()
            if isinstance(error, OSError):
                raise NotStarted(f"The sandbox could not be started: {error.strerror}.") from None
            raise
        child = cls(process, ours, streams, diagnostics, limits)
        try:
            await child._become_ready()
        except BaseException:
            await child.end()
            raise
        return child

    @property
    def is_alive(self) -> bool:
        """Look at the connection itself: the event loop may not have noticed its end yet."""
        try:
            self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    async def ask(self, request: bytes, deadline_seconds: float) -> bytes:
        """Get an answer, or an error after which the child is of no further use."""
        self.calls_left -= 1
        self._forget_diagnostics()
        try:
            async with asyncio.timeout(deadline_seconds):
                reply = await self._exchange(framed(Request(request, deadline_seconds)))
        except TimeoutError:
            raise TimedOut(f"The analysis took longer than {deadline_seconds:g} seconds.") from None
        match reply:
            case Answer(body):
                return body
            case Exhausted():
                raise self._out_of_memory()
            case Refusal(reason):
                raise Refused(reason)
            case Ready():
                raise Refused("The analysis answered out of turn.")

    async def end(self) -> None:
        """Kill the child and give back what it held; may be called twice."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()
        await self._process.wait()
        self._diagnostics.close()

    async def _become_ready(self) -> None:
        try:
            async with asyncio.timeout(self._limits.start_seconds):
                await self._exchange(b"")
        except TimeoutError:
            seconds = self._limits.start_seconds
            raise NotStarted(f"The sandbox did not start within {seconds:g} seconds.") from None
        except SandboxError as error:
            raise NotStarted(f"The sandbox did not start. {error.reason}") from None

    async def _exchange(self, frame: bytes) -> Reply:
        try:
            self._writer.write(frame)
            await self._writer.drain()
            size = int.from_bytes(await self._reader.readexactly(HEADER_BYTES), "big")
            if size > self._limits.answer_bytes + FRAME_OVERHEAD_BYTES:
                raise Refused(
                    f"The answer has {size} bytes, more than the {self._limits.answer_bytes} allowed."
                )
            body = await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, OSError):
            raise await self._death() from None
        try:
            reply: Reply = msgspec.msgpack.decode(body, type=Reply)
        except msgspec.MsgspecError:
            raise Refused("The answer of the analysis cannot be read.") from None
        return reply

    async def _death(self) -> SandboxError:
        """Find out why the child hung up."""
        try:
            async with asyncio.timeout(LAST_BREATH_SECONDS):
                status = await self._process.wait()
        except TimeoutError:  # it only closed its socket, and would be waited for in vain
            self._process.kill()
            status = await self._process.wait()
        last_words = self._last_words()
        if any(words in last_words for words in WANT_OF_MEMORY):
            return self._out_of_memory()
        if status == -signal.SIGXCPU:
            return TimedOut("The analysis used up its CPU time.")
        cause = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        lines = last_words.strip().splitlines()
        detail = f": {lines[-1][:300]}" if lines else "."
        return Crashed(f"The analysis crashed with {cause}{detail}")

    def _forget_diagnostics(self) -> None:
        """Empty the file; the child, which shares the position in it with us, writes on from the start."""
        os.lseek(self._diagnostics.fileno(), 0, os.SEEK_SET)
        os.ftruncate(self._diagnostics.fileno(), 0)

    def _last_words(self) -> str:
        if self._diagnostics.closed:
            return ""
        size = os.fstat(self._diagnostics.fileno()).st_size
        start = max(0, size - LAST_WORDS_BYTES)
        return os.pread(self._diagnostics.fileno(), LAST_WORDS_BYTES, start).decode(errors="replace")

    def _out_of_memory(self) -> OutOfMemory:
        return OutOfMemory(
            f"The analysis needed more than its {self._limits.memory_bytes // MIB} MiB of memory."
        )


def _environment() -> dict[str, str]:
    """Nothing of ours, which may hold keys, but what the interpreter needs to start."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return kept | {
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }
