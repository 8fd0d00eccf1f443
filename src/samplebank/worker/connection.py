"""HTTP as a worker speaks it: small requests to one service, many of them."""

import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from yarl import URL

from samplebank.worker.errors import ServiceUnavailable

#: seconds for a connection, and between two pieces of an answer
CONNECT, SILENCE = 10.0, 60.0
#: seconds for which an idle connection is kept
IDLE = 5.0
#: bytes of a body that is written at once
AT_ONCE = 512 * 1024
#: bytes of a piece of a download
PIECE = 64 * 1024


class Answer(NamedTuple):
    status: int
    body: bytes


class Connection:
    """Connections to the service at `url`. `headers` go with each request."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self.url = url.rstrip("/")
        self.headers = dict(headers)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        content: bytes = b"",
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request, and read the whole answer. Raises `ServiceUnavailable`."""
        try:
            async with self._opened().request(
                method,
                self._address(path, params),
                # aiohttp warns of long bytes, which it writes at once
                data=io.BytesIO(content) if len(content) > AT_ONCE else content or None,
                headers={**self.headers, **(headers or {})},
                allow_redirects=False,
            ) as response:
                return Answer(response.status, await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ServiceUnavailable(
                f"The service at {self.url} cannot be reached: {_cause(error)}."
            ) from None

    @asynccontextmanager
    async def download(
        self, path: str, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[tuple[int, AsyncIterator[bytes]]]:
        """The status and the pieces of an answer. Raises `ServiceUnavailable`."""
        try:
            async with self._opened().get(
                self._address(path), headers={**self.headers, **(headers or {})}, allow_redirects=False
            ) as response:
                yield response.status, response.content.iter_chunked(PIECE)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ServiceUnavailable(f"The sample cannot be downloaded: {_cause(error)}.") from None

    def _address(self, path: str, params: Mapping[str, str] | None = None) -> URL:
        query = f"?{urlencode(params, quote_via=quote)}" if params else ""
        return URL(f"{self.url}{path}{query}", encoded=True)

    def _opened(self) -> aiohttp.ClientSession:
        """The session. aiohttp makes sessions only where an event loop runs."""
        if self._session is None:
            # The same authorities as for the command line, which speaks HTTP through httpx.
            verified = httpx.create_ssl_context() if self.url.startswith("https:") else True
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=verified, keepalive_timeout=IDLE),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT, sock_read=SILENCE),
                cookie_jar=aiohttp.DummyCookieJar(),
                # looked up once: aiohttp would read the environment for each request
                proxy=proxy_for(self.url),
            )
        return self._session


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for a service."""
    parts = urlsplit(url)
    if not parts.hostname or proxy_bypass(parts.hostname):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def _cause(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__
