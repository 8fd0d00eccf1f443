"""A page at an address that no route takes. Without a route nobody has looked for the visitor, so the answer looks first."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from samplebank.errors import Refusal
from samplebank.web.entrance import recognise
from samplebank.web.visit import Visit


class Unrouted(Response[bytes]):
    """`make` draws the page when the visitor is known."""

    def __init__(self, visit: Visit, make: Callable[[], Response[bytes]]) -> None:
        super().__init__(b"")
        self._visit = visit
        self._make = make

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIResponse:
        return _Late(self._visit, self._make)


class _Late(ASGIResponse):
    def __init__(self, visit: Visit, make: Callable[[], Response[bytes]]) -> None:
        super().__init__()
        self._visit = visit
        self._make = make

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(Refusal):  # while the database is away, the visitor is a stranger
            await recognise(self._visit)
        await self._make().to_asgi_response(None, self._visit)(scope, receive, send)
