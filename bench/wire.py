"""A lean HTTP/1.1 client for load: one kept-alive connection, one request at a time, no more parsing than needed."""

import asyncio
import json
from typing import Any

HEAD_END = b"\r\n\r\n"


class Wire(asyncio.Protocol):
    """One connection to the service under test."""

    def __init__(self, host: str, key: str | None) -> None:
        self._fixed = f"Host: {host}\r\n" + (f"Argus-API-Key: {key}\r\n" if key else "")
        self._transport: Any = None
        self._received = bytearray()
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._first_byte: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    @classmethod
    async def open(cls, host: str, port: int, key: str | None = None) -> "Wire":
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(lambda: cls(f"{host}:{port}", key), host, port)
        return wire

    def close(self) -> None:
        self._transport.close()

    async def ask(
        self, method: str, path: str, body: bytes = b"", more: str = "", kind: str = "application/json"
    ) -> tuple[int, bytes]:
        """Send a request. Returns (status, body)."""
        self._begin()
        said = f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n" if body or method != "GET" else ""
        self._transport.write(f"{method} {path} HTTP/1.1\r\n{self._fixed}{said}{more}\r\n".encode() + body)
        return await self._ended()

    async def ask_json(self, method: str, path: str, value: Any = None) -> tuple[int, Any]:
        """Send a request with JSON. Returns (status, decoded body)."""
        status, body = await self.ask(method, path, b"" if value is None else json.dumps(value).encode())
        return status, json.loads(body) if body else None

    async def send_stream(self, path: str, size: int, pieces: Any) -> tuple[int, bytes]:
        """POST `size` bytes in pieces. The client, too, holds only a piece in memory."""
        self.begin_stream(path, size)
        for piece in pieces:
            await self._writable.wait()
            self.send_piece(piece)
        return await self._ended()

    def begin_stream(self, path: str, size: int) -> None:
        """Begin a POST of `size` bytes. `send_piece` sends the bytes."""
        self._begin()
        head = f"POST {path} HTTP/1.1\r\n{self._fixed}Content-Length: {size}\r\n"
        self._transport.write(f"{head}Content-Type: application/octet-stream\r\n\r\n".encode())

    def send_piece(self, piece: bytes) -> None:
        self._transport.write(piece)

    async def ask_for_first_byte(self, path: str) -> tuple[float, float, int]:
        """GET. Returns (seconds to the first byte of the body, seconds to the end, bytes of the body)."""
        loop = asyncio.get_running_loop()
        self._first_byte = loop.create_future()
        began = loop.time()
        asking = asyncio.ensure_future(self.ask("GET", path))
        either: set[asyncio.Future[Any]] = {asking, self._first_byte}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        first = loop.time() - began
        _, body = await asking
        return first, loop.time() - began, len(body)

    def _begin(self) -> None:
        if self._transport.is_closing():
            raise ConnectionError("the service closed the connection")
        self._answer = asyncio.get_running_loop().create_future()

    async def _ended(self) -> tuple[int, bytes]:
        assert self._answer is not None  # noqa: S101 set by _begin
        return await self._answer

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self._writable.set()
        if self._answer and not self._answer.done():
            self._answer.set_exception(error or ConnectionError("the service closed the connection"))

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(HEAD_END)
        if head_end < 0 or self._answer is None:
            return
        start = head_end + len(HEAD_END)
        if self._first_byte and not self._first_byte.done() and len(self._received) > start:
            self._first_byte.set_result(None)
        head = bytes(self._received[:head_end]).lower()
        body = (
            _chunked(self._received, start, data)
            if b"transfer-encoding: chunked" in head
            else self._sized(head, start)
        )
        if body is not None and not self._answer.done():
            status = int(head[9:12])
            self._received = bytearray()
            self._answer.set_result((status, body))

    def _sized(self, head: bytes, start: int) -> bytes | None:
        place = head.find(b"content-length:")
        length = int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
        return bytes(self._received[start:]) if len(self._received) - start >= length else None


def _chunked(received: bytearray, start: int, last: bytes) -> bytes | None:
    """The chunked body as received, once the last chunk is there; None before."""
    ended = last.endswith(b"0\r\n\r\n") or received.endswith(b"\r\n0\r\n\r\n")
    return bytes(received[start:]) if ended else None
