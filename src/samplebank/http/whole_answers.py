"""Answers whose bytes are at hand, sent with their few headers as they are."""

from collections.abc import Mapping
from typing import Any

from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send


class Whole(Response[bytes]):
    """An answer with a body.

    Litestar prepares each answer for cookies, encodings and tasks afterwards, and looks each header up among all others: more work
    than reading the key of the caller. Whole answers have none of these.
    """

    def __init__(
        self, content: bytes, *, media_type: str, status_code: int, headers: Mapping[str, str] | None = None
    ) -> None:
        # The base class would set the same attributes, each by way of what else the attribute could be given as.
        self.content = content
        self.media_type = media_type
        self.status_code = status_code
        self.headers = dict(headers) if headers else {}
        self.background = None
        self.cookies = []
        self.encoding = "utf-8"
        self.response_type_encoders = {}

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIResponse:
        return _Sent(self)


class _Sent(ASGIResponse):
    """Sends a whole answer."""

    __slots__ = ("_answer",)

    def __init__(self, answer: Whole) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 as every application
        answer = self._answer
        headers = [
            (b"content-type", str(answer.media_type).encode()),
            (b"content-length", b"%d" % len(answer.content)),
        ]
        for name, value in answer.headers.items():
            headers.append((name.lower().encode(), value.encode("latin-1")))
        await send({"type": "http.response.start", "status": answer.status_code or 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer.content, "more_body": False})
