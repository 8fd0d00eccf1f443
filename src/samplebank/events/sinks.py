"""Sinks for events. A sink delivers a message, or says why delivery failed; the relay does the rest."""

import hashlib
import hmac
from typing import Protocol

import httpx
import msgspec

from samplebank.timespec import Millis

#: seconds that a receiver has to answer
PATIENCE = 10.0
SIGNATURE = "Samplebank-Signature"


class Message(msgspec.Struct, frozen=True):
    """A message about a sample. The id is the same in all attempts, so that receivers can tell repeats."""

    id: str
    kind: str
    sha256: str
    body: bytes


class Undelivered(Exception):
    """The sink did not take the message. The text says why; `answered` says whether a receiver refused the message."""

    def __init__(self, why: str, *, answered: bool) -> None:
        super().__init__(why)
        self.answered = answered


class Sink(Protocol):
    async def prepare(self) -> None:
        """Get ready for messages, or raise `Undelivered`: then no events are taken for the sink."""

    async def deliver(self, message: Message, *, now: Millis) -> None:
        """Deliver, or raise `Undelivered`. Delivering again is possible at any time."""

    async def close(self) -> None: ...


def sign(secret: str, now: Millis, body: bytes) -> str:
    """`t=<milliseconds>,v1=<HMAC-SHA-256 of "t.body" in hexadecimal>`."""
    digest = hmac.new(secret.encode(), b"%d." % now + body, hashlib.sha256).hexdigest()
    return f"t={now},v1={digest}"


class Webhook:
    """Sends each message as a signed POST; any 2xx counts as delivered. Redirects are not followed."""

    def __init__(self, url: str, secret: str) -> None:
        self._url = url
        self._secret = secret
        self._client = httpx.AsyncClient(timeout=PATIENCE, follow_redirects=False)

    async def prepare(self) -> None:
        """A receiver may refuse an event and take the next one. So each event is tried."""

    async def deliver(self, message: Message, *, now: Millis) -> None:
        headers = {
            "Content-Type": "application/json",
            "Samplebank-Event": message.kind,
            "Samplebank-Event-Id": message.id,
            SIGNATURE: sign(self._secret, now, message.body),
        }
        try:
            answer = await self._client.post(self._url, content=message.body, headers=headers)
        except httpx.HTTPError as error:
            raise Undelivered(f"The receiver cannot be reached: {error}", answered=False) from error
        if not answer.is_success:
            raise Undelivered(f"The receiver answered {answer.status_code}.", answered=True)

    async def close(self) -> None:
        await self._client.aclose()
