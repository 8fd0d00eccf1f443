"""Answers that are sent while being made, to clients who may pause or leave at any time.

Such an answer holds a connection of the database or an open file. Both are given back when the answer ends, no matter
which side ends the answer.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

from litestar.response import Stream
from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse
from litestar.types import Receive, Send

from samplebank.errors import Refusal
from samplebank.logs import Faults

faults = Faults(logging.getLogger("samplebank.failure"))
#: seconds in which a client has to take something of the answer
PATIENCE = 20.0
#: bytes handed on at once: the server takes a few parts ahead, whether the client reads or not
PART = 64 * 1024
Pieces = AsyncGenerator[bytes, None]


class Sending(ASGIStreamingResponse):
    """Sends the pieces until the last, until the client leaves, or until the client takes nothing for too long.

    Afterwards the generator of the pieces is closed.
    """

    part = PART

    async def send_body(self, send: Send, receive: Receive) -> None:
        pieces: Any = self.iterator
        sending = asyncio.ensure_future(_send_all(pieces, send, self.part))
        leaving = asyncio.ensure_future(disconnected(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            leaving.cancel()
            # Closed here, not by the garbage collector: the connection or file would be given back too late, or never.
            await asyncio.shield(_close(sending, pieces))
        if not sending.cancelled() and (error := sending.exception()) is not None:
            _tell(error)
            await _end(send)


class Streamed(Stream):
    """A response of pieces. The service uses no other streaming response: others leave the source of the pieces open.

    `part` is the most bytes handed on at once. To hand on a part takes some 0.1 ms, and the server keeps a few parts of each slow client.
    """

    def __init__(
        self, pieces: Pieces, *, status: int, media_type: str, headers: dict[str, str], part: int = PART
    ) -> None:
        super().__init__(pieces, status_code=status, media_type=media_type, headers=headers)
        self._part = part

    def to_asgi_response(self, *_: Any, **given: Any) -> ASGIResponse:
        sending = Sending(
            iterator=self.iterator,  # type: ignore[arg-type]  # the pieces that it was made of
            cookies=given.get("cookies"),
            encoded_headers=given.get("encoded_headers"),
            headers={**(given.get("headers") or {}), **self.headers},
            is_head_response=given.get("is_head_response", False),
            media_type=self.media_type,
            status_code=self.status_code or given.get("status_code"),
        )
        sending.part = self._part
        return sending


async def opened(pieces: Pieces) -> Pieces:
    """Wait for the first piece, so that a fault in making the answer is raised before the answer begins."""
    whole = _led_by(pieces)
    # Begin the generator now: a generator that never began would not close the pieces.
    await anext(whole)
    return whole


async def nothing() -> Pieces:
    """No piece at all."""
    none: tuple[bytes, ...] = ()
    for piece in none:
        yield piece


async def _led_by(pieces: Pieces) -> Pieces:
    async with aclosing(pieces):
        first = await anext(pieces, b"")
        yield b""
        yield first
        async for piece in pieces:
            yield piece


def _tell(error: BaseException) -> None:
    """Log the fault of an answer that has begun."""
    if not isinstance(error, TimeoutError):
        faults.tell("answer.broken", error, trace=not isinstance(error, Refusal))


async def _send_all(pieces: Pieces, send: Send, part: int) -> None:
    async for piece in pieces:
        for start in range(0, len(piece), part):
            await _send(send, piece[start : start + part], more=True)
    await _send(send, b"", more=False)


async def _end(send: Send) -> None:
    """End an answer that is not whole. Readers of streams come again, and a list without its end is no JSON.

    The server ends no answer by itself for as long as something holds the answer, such as the trace of the error.
    """
    with suppress(TimeoutError):
        await _send(send, b"", more=False)


async def _send(send: Send, piece: bytes, *, more: bool) -> None:
    async with asyncio.timeout(PATIENCE):
        await send({"type": "http.response.body", "body": piece, "more_body": more})


async def disconnected(receive: Receive) -> None:
    """Return when the client has gone. The body of the request must have been read."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _close(sending: "asyncio.Future[None]", pieces: Pieces) -> None:
    await asyncio.wait({sending})
    await pieces.aclose()
