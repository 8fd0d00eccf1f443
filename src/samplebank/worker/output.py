"""Keeps what an analyser prints, for the author of the analyser. Bounded, so that no analysis fails for printing much."""

import io
import os
import sys
from collections import deque
from contextlib import suppress

#: bytes kept of the beginning, and as many of the end, of the output of one analysis
KEPT = 16 * 1024
#: bytes of one analysis that also reach the real stream: there the sandbox looks for the last words of a crash
PASSED_ON = 256 * 1024
STDERR = 2


class Output(io.RawIOBase):
    """Stands in for stdout and stderr."""

    def __init__(self) -> None:
        super().__init__()
        self._begin()

    def _begin(self) -> None:
        self._first = bytearray()
        self._last: deque[bytes] = deque()
        self._size = self._last_size = 0

    @classmethod
    def install(cls) -> "Output":
        """Take the place of both streams of this process. Nothing is there to be read: file 0 is the line to the parent."""
        output = cls()
        sys.stdin = io.StringIO()
        sys.stdout = sys.stderr = io.TextIOWrapper(
            output,
            encoding="utf-8",
            errors="backslashreplace",
            write_through=True,
        )
        return output

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        """The real stream, for code that writes past Python, as `faulthandler` does."""
        return STDERR

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        piece = bytes(data)
        self._pass_on(piece)
        self._size += len(piece)
        room = KEPT - len(self._first)
        self._first += piece[:room]
        self._keep_last(piece[room:][-KEPT:])
        return len(piece)

    def taken(self) -> str:
        """Take the text printed since the last call. Of a long text, only the beginning and the end are kept."""
        last = b"".join(self._last)[-KEPT:]
        left_out = self._size - len(self._first) - len(last)
        between = f"\n[{left_out} bytes are left out here]\n".encode() if left_out else b""
        text = bytes(self._first) + between + last
        self._begin()
        return text.decode(errors="backslashreplace")

    def _keep_last(self, piece: bytes) -> None:
        if piece:
            self._last.append(piece)
            self._last_size += len(piece)
        while self._last and self._last_size - len(self._last[0]) >= KEPT:
            self._last_size -= len(self._last.popleft())

    def _pass_on(self, piece: bytes) -> None:
        room = PASSED_ON - self._size
        if room > 0:
            with suppress(OSError):  # the real stream takes no more
                os.write(STDERR, piece[:room])
