"""The provider of OpenID Connect: its document, its keys, and tokens that say who has signed in.

Tokens are read here, and neither stored nor logged.
"""

import asyncio
import re
import ssl
import time
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import httpx
import msgspec

from samplebank.accounts.id_tokens import REASONS, Expected, claims_of, fitting, header_of
from samplebank.accounts.sign_in import Identity, Unproven
from samplebank.errors import Conflict, Forbidden, NotFound, Unavailable
from samplebank.timespec import Millis
from samplebank.urls import is_issuer

T = TypeVar("T")
#: seconds that the provider has to answer
PATIENCE: Final = 10.0
#: seconds between two looks for a provider that was away
PAUSE: Final = 3.0
#: the most bytes of an answer
MOST: Final = 1024 * 1024
#: seconds for which document and keys are kept
KEPT: Final = 3600.0
#: seconds between two looks for a key that is not among the kept keys
AGAIN: Final = 60.0
#: what an address of the provider may be made of: the address of a page becomes a header
ADDRESS: Final = re.compile(r"[!-~]{1,2000}")
#: characters of a false address that are told
SHOWN: Final = 200
UNREADABLE: Final = (
    "The sign-in service names an address that cannot be read: {!r}. Check SAMPLEBANK_OIDC_ISSUER."
)
AWAY: Final = "The sign-in service {} does not answer: try again in a minute, or sign in with an API key."
DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"
WAITING: Final = frozenset({"authorization_pending", "slow_down"})
NO_DEVICES: Final = "The sign-in service signs nobody in on another device: use an API key."
STALE: Final = "This sign-in has been used already, or is too old: begin again."


class Client(msgspec.Struct, frozen=True):
    """The service as the provider knows the service. `secret` is None for a public client."""

    issuer: str
    id: str
    secret: str | None
    scopes: str


class Document(msgspec.Struct, frozen=True):
    """The part of the provider's document that matters here, with the defaults of OpenID Connect Discovery."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    device_authorization_endpoint: str | None = None
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class Keys(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


class TokenAnswer(msgspec.Struct, frozen=True):
    id_token: str


class DeviceWay(msgspec.Struct, frozen=True):
    """A sign-in on another device: the code for the person, where to say the code, and seconds."""

    device_code: str
    user_code: str
    verification_uri: str
    expires_in: int
    verification_uri_complete: str | None = None
    interval: int = 5


class TokenRefusal(msgspec.Struct, frozen=True):
    error: str = ""


class Provider:
    """The provider with this client. Raises `Unavailable` where the provider is away, and `Unproven` for false answers."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._document: tuple[float, Document] | None = None
        self._keys: tuple[float, list[dict[str, Any]]] | None = None
        self._looking = asyncio.Lock()
        self._away_since = -PAUSE

    @property
    def issuer(self) -> str:
        return self._client.issuer

    async def address(self, *, back: str, state: str, nonce: str, challenge: str) -> str:
        """The address where somebody signs in. `back` is the address of the page to return to."""
        document = await self._find_document()
        query = {
            "response_type": "code",
            "client_id": self._client.id,
            "redirect_uri": back,
            "scope": self._client.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        joint = "&" if urlsplit(document.authorization_endpoint).query else "?"
        return f"{document.authorization_endpoint}{joint}{urlencode(query)}"

    async def check_sender(self, issuer: str | None) -> None:
        """Raise `Unproven` where an answer comes from another provider than the provider asked."""
        document = await self._find_document()
        is_missing = issuer is None and document.authorization_response_iss_parameter_supported
        if is_missing or issuer not in {None, self.issuer}:
            raise Unproven(REASONS["iss"])

    async def exchange(self, code: str, *, back: str, verifier: str, nonce: str, now: Millis) -> Identity:
        """Exchange the code for who has signed in. Raises `Conflict` for a code that is used or too old."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": verifier,
        }
        document = await self._find_document()
        status, body = await self._post(document.token_endpoint, form)
        if status != httpx.codes.OK:
            raise self._declined(status, body)
        return await self._identity(_read(body, TokenAnswer).id_token, nonce=nonce, now=now)

    async def begin_on_device(self) -> DeviceWay:
        """Begin a sign-in of somebody who says a code on another device. Raises `NotFound` where the provider has none."""
        address = (await self._find_document()).device_authorization_endpoint
        if address is None:
            raise NotFound(NO_DEVICES)
        status, body = await self._post(address, {"scope": self._client.scopes})
        if status != httpx.codes.OK:
            raise self._declined(status, body)
        return _read(body, DeviceWay)

    async def look_at_device(self, device_code: str, *, now: Millis) -> Identity | str:
        """Who has said the code; while nobody has, the provider's word for waiting. Raises `Conflict` and `Forbidden`."""
        form = {"grant_type": DEVICE, "device_code": device_code}
        document = await self._find_document()
        status, body = await self._post(document.token_endpoint, form)
        if status == httpx.codes.OK:
            return await self._identity(_read(body, TokenAnswer).id_token, nonce=None, now=now)
        error = _error_of(body)
        if error in WAITING:
            return error
        if error == "access_denied":
            raise Forbidden("The sign-in was declined on the other device.")
        raise self._declined(status, body)

    async def _post(self, address: str, form: dict[str, str]) -> tuple[int, bytes]:
        document = await self._find_document()
        client, methods = self._client, document.token_endpoint_auth_methods_supported
        if client.secret is None:
            return await self._ask("POST", address, data={**form, "client_id": client.id})
        if "client_secret_basic" in methods or "client_secret_post" not in methods:
            pair = quote(client.id, safe=""), quote(client.secret, safe="")
            return await self._ask("POST", address, data=form, auth=pair)
        secret = {"client_id": client.id, "client_secret": client.secret}
        return await self._ask("POST", address, data={**form, **secret})

    def _declined(self, status: int, body: bytes) -> Conflict | Unavailable | Unproven:
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            return Unavailable(AWAY.format(self.issuer))
        error = _error_of(body)
        if error in {"invalid_grant", "expired_token"}:
            return Conflict(STALE)
        return Unproven(
            f"The sign-in service refuses this service ({status} {error[:100]}). "
            "Check SAMPLEBANK_OIDC_CLIENT_ID and SAMPLEBANK_OIDC_CLIENT_SECRET."
        )

    async def _identity(self, token: str, *, nonce: str | None, now: Millis) -> Identity:
        """Read an ID token. Raises `Unproven` with the reason."""
        document = await self._find_document()
        header = header_of(token, document.id_token_signing_alg_values_supported)
        candidates = await self._candidates(header)
        expected = Expected(self.issuer, self._client.id, nonce)
        claims = claims_of(token, header["alg"], candidates, expected, now=now)
        return Identity(self.issuer, claims["sub"], claims)

    async def _candidates(self, header: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The keys that may have signed; the provider is asked anew for a key that is not among the kept keys."""
        kept = await self._find_keys(younger_than=KEPT)
        found = fitting(kept, header)
        return found or fitting(await self._find_keys(younger_than=AGAIN), header)

    async def _find_keys(self, *, younger_than: float) -> list[dict[str, Any]]:
        document = await self._find_document()
        async with self._looking:
            if self._keys is None or time.monotonic() - self._keys[0] > younger_than:
                body = await self._get(document.jwks_uri)
                self._keys = time.monotonic(), _read(body, Keys).keys
            return self._keys[1]

    async def _find_document(self) -> Document:
        async with self._looking:
            if self._document is None or time.monotonic() - self._document[0] > KEPT:
                body = await self._get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
                document = _read(body, Document)
                self._must_be_right(document)
                self._document = time.monotonic(), document
            return self._document[1]

    async def _get(self, address: str) -> bytes:
        """Get a document. Whoever waited while the provider was away is told so, and does not wait for another try."""
        if time.monotonic() - self._away_since < PAUSE:
            raise Unavailable(AWAY.format(self.issuer))
        is_there = False
        try:
            status, body = await self._ask("GET", address)
            is_there = status < httpx.codes.INTERNAL_SERVER_ERROR
        finally:
            self._away_since = -PAUSE if is_there else time.monotonic()
        if not is_there:
            raise Unavailable(AWAY.format(self.issuer))
        if status != httpx.codes.OK:
            raise Unproven(
                f"The sign-in service answered {status} for {address}. Check SAMPLEBANK_OIDC_ISSUER."
            )
        return body

    def _must_be_right(self, document: Document) -> None:
        if document.issuer != self.issuer:
            raise Unproven(
                "The document of the sign-in service names another issuer than SAMPLEBANK_OIDC_ISSUER: "
                "both have to be the same, letter by letter."
            )
        device = document.device_authorization_endpoint or document.token_endpoint
        for address in (document.authorization_endpoint, document.token_endpoint, document.jwks_uri, device):
            if ADDRESS.fullmatch(address) is None:
                raise Unproven(UNREADABLE.format(address[:SHOWN]))
            if not is_issuer(address.partition("?")[0]):
                raise Unproven(f"The sign-in service names an address without TLS: {address[:SHOWN]}.")

    async def _ask(self, method: str, url: str, **more: Any) -> tuple[int, bytes]:
        """Send a request, and read a bounded answer. Redirects are not followed."""
        # A packed answer could unpack to any size.
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        try:
            async with (
                asyncio.timeout(PATIENCE),
                httpx.AsyncClient(verify=_authorities(), timeout=PATIENCE) as client,
                client.stream(method, url, headers=headers, **more) as answer,
            ):
                body = bytearray()
                async for chunk in answer.aiter_raw():
                    body += chunk
                    if len(body) > MOST:
                        raise Unproven(f"The sign-in service answered more than {MOST} bytes.")
                return answer.status_code, bytes(body)
        except (httpx.InvalidURL, UnicodeError) as error:  # UnicodeError: a host that is no name of a domain
            raise Unproven(UNREADABLE.format(url[:SHOWN])) from error
        except (httpx.HTTPError, ssl.SSLError, TimeoutError) as error:
            raise Unavailable(AWAY.format(self.issuer)) from error


@cache
def _authorities() -> ssl.SSLContext:
    """Whom to believe about names of hosts. Reading all of them takes some hundredths of a second."""
    return httpx.create_ssl_context()


def _error_of(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=TokenRefusal).error
    except (msgspec.DecodeError, RecursionError):
        return ""


def _read(body: bytes, wanted: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=wanted)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unproven("The sign-in service sent an answer that cannot be read.") from error
