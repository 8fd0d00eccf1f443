"""Sends large files to a bucket, in one request each, and with little memory."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp import hdrs

from samplebank.blobs.away import AWAY
from samplebank.blobs.bucket import PATIENCE, note, refusal_in
from samplebank.blobs.place import Place
from samplebank.blobs.signing import signed_put
from samplebank.blobs.store import Digests
from samplebank.errors import Unavailable

PIECE = 256 * 1024
#: seconds for the server to answer after the last piece of a file
ANSWER = 120.0


class Sender:
    """Keeps connections to the server, in the event loop that sends first."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._session: aiohttp.ClientSession | None = None

    async def send(self, key: str, path: Path, digests: Digests) -> None:
        """Write a file as an object. Raises `Unavailable` where other bytes arrive, or none, with what the operator has to mend."""
        url, headers = signed_put(self._place, key, digests.sha256)
        headers["content-length"] = str(digests.size)
        try:
            async with (
                asyncio.timeout(PATIENCE) as limit,
                self._sessions().put(
                    url, data=_pieces(path, limit), headers=headers, proxy=_proxy_to(url)
                ) as answer,
            ):
                said = await answer.text()
                # Each S3 server tells the ETag of a new object; a page of a proxy has none.
                if answer.status == HTTPStatus.OK and hdrs.ETAG in answer.headers:
                    return
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            note(f"{type(error).__name__}: {error}")
            raise Unavailable(AWAY) from None
        note(f"{answer.status}: {said}")
        raise refusal_in(said, self._place) or Unavailable(AWAY)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _sessions(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_connect=5))
        return self._session


def _proxy_to(url: str) -> str | None:
    """The proxy that the usual variables name for the address: the client of small files goes by these variables as well."""
    proxies, parts = getproxies(), urlsplit(url)
    if proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return proxies.get(parts.scheme) or proxies.get("all")


async def _pieces(path: Path, limit: asyncio.Timeout) -> AsyncIterator[bytes]:
    """The pieces of a file. The whole request may take long, but each piece, and the answer, have a limit."""
    loop = asyncio.get_running_loop()
    with path.open("rb", buffering=0) as file:
        while piece := await asyncio.to_thread(file.read, PIECE):
            limit.reschedule(loop.time() + PATIENCE)
            yield piece
    limit.reschedule(loop.time() + ANSWER)
