"""The sink for a webhook: each message is a signed request."""

import asyncio
import hashlib
import hmac
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from samplebank.errors import Invalid
from samplebank.events.sinks import Message, Undelivered
from samplebank.timespec import Millis

#: seconds that a receiver has to answer
PATIENCE = 10.0
SIGNATURE = "Samplebank-Signature"
#: bytes and seconds of the body of an answer, after which the connection is closed instead of used again
MOST_OF_BODY: Final = 64 * 1024
PATIENCE_FOR_BODY: Final = 1.0

#: statuses by which a receiver may ask for a rest (`Retry-After`), and the most seconds of a rest
BUSY: Final = frozenset({429, 503})
LONGEST_REST: Final = 3600.0

#: what the client raises where a connection fails. Errors of TLS behind the handshake are those of Python
BREAKS: Final = (httpx.HTTPError, ssl.SSLError)
#: why a message was not taken, where the error of the client says nothing
BROKEN: Final = "the connection ended without an answer"


def sign(secret: str, now: Millis, body: bytes) -> str:
    """`t=<milliseconds>,v1=<HMAC-SHA-256 of "t.body" in hexadecimal>`."""
    digest = hmac.new(secret.encode(), b"%d." % now + body, hashlib.sha256).hexdigest()
    return f"t={now},v1={digest}"


class Webhook:
    """Sends each message as a signed POST; any 2xx counts as delivered. Redirects are not followed.

    A receiver that asks for a rest gets no event until the rest is over.
    """

    def __init__(self, url: str, secret: str) -> None:
        #: the time of the event loop at which the rest of the receiver is over
        self._rested = 0.0
        self._url = _readable(url)
        self._secret = secret
        self._client = httpx.AsyncClient(
            timeout=PATIENCE, follow_redirects=False, event_hooks={"response": [_refuse_redirect]}
        )

    async def prepare(self) -> None:
        """A receiver may refuse an event and take the next one. Each event is tried, except in a rest of the receiver."""
        left = self._rested - asyncio.get_running_loop().time()
        if left > 0:
            raise Undelivered(
                f"The receiver asked for a rest, of which {left:.0f} s are left.", answered=True
            )

    async def deliver(self, message: Message, *, now: Millis) -> None:
        headers = {
            "Content-Type": "application/json",
            "Samplebank-Event": message.kind,
            "Samplebank-Event-Id": message.id,
            SIGNATURE: sign(self._secret, now, message.body),
        }
        try:
            async with self._client.stream(
                "POST", self._url, content=message.body, headers=headers
            ) as answer:
                await _pass_over(answer)
        except httpx.TimeoutException as error:  # which says nothing
            raise Undelivered("The receiver took too long.", answered=False) from error
        except BREAKS as error:
            why = f"The receiver cannot be reached: {str(error) or BROKEN}"
            raise Undelivered(why, answered=False) from error
        if not answer.is_success:
            rest = min(_rest_asked_for(answer, now), LONGEST_REST)
            self._rested = max(self._rested, asyncio.get_running_loop().time() + rest)
            raise _refused(answer)

    async def close(self) -> None:
        await self._client.aclose()


def _readable(url: str) -> httpx.URL:
    """The address as the client reads the address. Raises `Invalid`: the client would fail at each event."""
    try:
        return httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise Invalid(f"SAMPLEBANK_WEBHOOK_URL cannot be read: {error}") from None


async def _refuse_redirect(answer: httpx.Response) -> None:
    """Refuse a redirect. The client would read the address first, and fail as without an answer where the address is none."""
    if answer.has_redirect_location:
        raise _refused(answer)


def _refused(answer: httpx.Response) -> Undelivered:
    return Undelivered(f"The receiver answered {answer.status_code}.", answered=True)


def _rest_asked_for(answer: httpx.Response, now: Millis) -> float:
    """The seconds that a busy receiver wants to be left alone (RFC 9110, 10.2.3)."""
    if answer.status_code not in BUSY:
        return 0.0
    told = answer.headers.get("Retry-After", "").strip()
    if told.isascii() and told.isdecimal():
        return float(told)
    with suppress(ValueError, OverflowError):  # neither seconds nor a date: no rest
        return _http_date(told).timestamp() - now / 1000
    return 0.0


def _http_date(told: str) -> datetime:
    """A date of HTTP, which is in UTC, also in the form without a time zone (RFC 9110, 5.6.7). Raises `ValueError`, `OverflowError`."""
    date = parsedate_to_datetime(told)
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


async def _pass_over(answer: httpx.Response) -> None:
    """Read a short body, so that the connection can be used again. The status has decided already, whatever the body is."""
    read = 0
    with suppress(*BREAKS, TimeoutError):
        async with asyncio.timeout(PATIENCE_FOR_BODY):
            async for piece in answer.aiter_raw():
                read += len(piece)
                if read > MOST_OF_BODY:
                    return
