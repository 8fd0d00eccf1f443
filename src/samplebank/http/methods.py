"""HEAD and OPTIONS, for every path alike: load balancers, browsers and download tools begin with HEAD or OPTIONS."""

import re
from collections.abc import Awaitable
from typing import Any

from litestar import Litestar
from litestar.routes import HTTPRoute
from litestar.types import Receive, Scope, Send

NO_CONTENT = 204


class Methods:
    """Adds HEAD to every path with GET, and answers OPTIONS with the methods of the path."""

    def __init__(self, app: Litestar) -> None:
        self.app = app
        # Litestar tells only the methods of the route that was registered first.
        self._methods: dict[str, set[str]] = {}
        for route in app.routes:
            if isinstance(route, HTTPRoute):
                self._methods.setdefault(shape_of(route.path_format), set()).update(route.route_handler_map)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # Not a coroutine: each message of a request would have to pass the coroutine.
        method = scope.get("method")
        if method == "HEAD":
            return self._answer_head(scope, receive, send)
        if method == "OPTIONS":
            return self._answer_options(scope, receive, send)
        return self.app(scope, receive, send)

    async def _answer_options(self, scope: Any, receive: Receive, send: Send) -> None:
        async def send_methods(message: Any) -> None:
            if message["type"] == "http.response.start" and message["status"] == NO_CONTENT:
                methods = allowed(", ".join(self._methods[shape_of(scope["path_template"])]))
                message = {**message, "headers": [(b"allow", methods.encode())]}
            await send(message)

        await self.app(scope, receive, send_methods)

    async def _answer_head(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer the headers of GET, without the body."""
        is_over = False

        async def send_headers(message: Any) -> None:
            nonlocal is_over
            if message["type"] == "http.response.start":
                await send(message)
            elif not is_over:
                is_over = True
                end: Any = {"type": "http.response.body", "body": b"", "more_body": False}
                await send(end)

        scope["state"]["is_head"] = True
        scope["method"] = "GET"
        try:
            await self.app(scope, receive, send_headers)
        finally:
            scope["method"] = "HEAD"


def shape_of(path: str) -> str:
    """The path without the names of parameters: the same path may have several names for a parameter."""
    return re.sub(r"{[^}]*}", "{}", path)


def allowed(methods: str) -> str:
    """The value of the header Allow, with HEAD where there is GET."""
    listed = [method.strip() for method in methods.split(",")]
    return ", ".join(sorted({*listed, *(["HEAD"] if "GET" in listed else [])}))
