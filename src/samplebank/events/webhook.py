"""The sink for a webhook: each message is a signed request."""

import hashlib
import hmac

import httpx

from samplebank.events.sinks import Message, Undelivered
from samplebank.timespec import Millis

#: seconds that a receiver has to answer
PATIENCE = 10.0
SIGNATURE = "Samplebank-Signature"


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
