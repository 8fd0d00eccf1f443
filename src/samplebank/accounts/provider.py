"""The provider of OpenID Connect: its document, its keys, and tokens that say who has signed in.

Tokens are read here, and neither stored nor logged.
"""

import asyncio
import ssl
import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import httpx
import msgspec
from joserfc import jwk, jws, jwt
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError

from samplebank.accounts.sign_in import Identity, Unproven
from samplebank.errors import Conflict, Unavailable
from samplebank.timespec import Millis
from samplebank.urls import is_issuer

T = TypeVar("T")
#: seconds that the provider has to answer
PATIENCE: Final = 10.0
#: the most bytes of an answer
MOST: Final = 1024 * 1024
#: seconds for which document and keys are kept
KEPT: Final = 3600.0
#: seconds between two looks for a key that is not among the kept keys
AGAIN: Final = 60.0
#: seconds by which the clocks of provider and service may differ
SKEW: Final = 60
#: signatures that only the holder of a private key can make
ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)
KEY_TYPES: Final = frozenset({"RSA", "EC", "OKP"})
#: longest subject that is stored, as OpenID Connect has it
LONGEST_SUBJECT: Final = 255
AWAY: Final = "The sign-in service {} does not answer: try again in a minute, or sign in with an API key."
STALE: Final = "This sign-in has been used already, or is too old: begin again."
CLOCKS: Final = "Compare the clock of the sign-in service with the clock of this service's database."
REASONS: Final = {
    "aud": "The token of the sign-in service is for another client. Check SAMPLEBANK_OIDC_CLIENT_ID.",
    "azp": "The token of the sign-in service is for another client. Check SAMPLEBANK_OIDC_CLIENT_ID.",
    "iss": "The token comes from another sign-in service than SAMPLEBANK_OIDC_ISSUER names.",
    "nonce": "The token of the sign-in service belongs to another sign-in: begin again.",
    "exp": f"The token of the sign-in service has expired. {CLOCKS}",
    "iat": f"The token of the sign-in service is of the future. {CLOCKS}",
    "nbf": f"The token of the sign-in service is not good yet. {CLOCKS}",
}


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
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class Keys(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


class TokenAnswer(msgspec.Struct, frozen=True):
    id_token: str


class TokenRefusal(msgspec.Struct, frozen=True):
    error: str = ""


class Provider:
    """The provider with this client. Raises `Unavailable` where the provider is away, and `Unproven` for false answers."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._document: tuple[float, Document] | None = None
        self._keys: tuple[float, list[dict[str, Any]]] | None = None
        self._looking = asyncio.Lock()

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
        status, body = await self._post(document, form)
        if status != httpx.codes.OK:
            raise self._declined(status, body)
        return await self._identity(_read(body, TokenAnswer).id_token, nonce=nonce, now=now)

    async def _post(self, document: Document, form: dict[str, str]) -> tuple[int, bytes]:
        client, methods = self._client, document.token_endpoint_auth_methods_supported
        if client.secret is None:
            return await self._ask("POST", document.token_endpoint, data={**form, "client_id": client.id})
        if "client_secret_basic" in methods or "client_secret_post" not in methods:
            pair = quote(client.id, safe=""), quote(client.secret, safe="")
            return await self._ask("POST", document.token_endpoint, data=form, auth=pair)
        secret = {"client_id": client.id, "client_secret": client.secret}
        return await self._ask("POST", document.token_endpoint, data={**form, **secret})

    def _declined(self, status: int, body: bytes) -> Conflict | Unavailable | Unproven:
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            return Unavailable(AWAY.format(self.issuer))
        try:
            error = msgspec.json.decode(body, type=TokenRefusal).error
        except msgspec.DecodeError:
            error = ""
        if error == "invalid_grant":
            return Conflict(STALE)
        return Unproven(
            f"The sign-in service refuses this service ({status} {error[:100]}). "
            "Check SAMPLEBANK_OIDC_CLIENT_ID and SAMPLEBANK_OIDC_CLIENT_SECRET."
        )

    async def _identity(self, token: str, *, nonce: str, now: Millis) -> Identity:
        """Read an ID token. Raises `Unproven` with the reason."""
        document = await self._find_document()
        allowed = ALGORITHMS.intersection(document.id_token_signing_alg_values_supported)
        try:
            header = jws.extract_compact(token.encode()).headers()
        except (JoseError, ValueError) as error:
            raise Unproven("The sign-in service sent no token that can be read.") from error
        if header.get("alg") not in allowed:
            raise Unproven("The token of the sign-in service is not signed by an algorithm that is taken.")
        claims = self._checked(token, await self._candidates(header), sorted(allowed))
        self._check_claims(claims, nonce=nonce, now=now)
        return Identity(self.issuer, claims["sub"], claims)

    def _checked(
        self, token: str, candidates: Sequence[Mapping[str, Any]], algorithms: list[str]
    ) -> dict[str, Any]:
        for candidate in candidates:
            try:
                key = jwk.import_key(dict(candidate))
                return jwt.decode(token, key, algorithms=algorithms).claims
            except (JoseError, ValueError, TypeError):
                continue
        raise Unproven("The token is not signed by a key of the sign-in service.")

    def _check_claims(self, claims: dict[str, Any], *, nonce: str, now: Millis) -> None:
        mine = self._client.id
        several = isinstance(claims.get("aud"), list) and len(claims["aud"]) > 1
        registry = jwt.JWTClaimsRegistry(
            now=now // 1000,
            leeway=SKEW,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": mine},
            azp={"essential": several, "values": [mine]},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            registry.validate(claims)
        except ExpiredTokenError as error:
            raise Unproven(REASONS["exp"]) from error
        except ClaimError as error:
            first = str(error.claim).split(",", maxsplit=1)[0]
            other = f"The token of the sign-in service has no good claim {first!r}."
            raise Unproven(REASONS.get(first, other)) from error
        if len(claims["sub"]) > LONGEST_SUBJECT or "\0" in claims["sub"]:
            raise Unproven("The token of the sign-in service has no good claim 'sub'.")

    async def _candidates(self, header: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The keys that may have signed; the provider is asked anew for a key that is not among the kept keys."""
        kept = await self._find_keys(younger_than=KEPT)
        found = _fitting(kept, header)
        return found or _fitting(await self._find_keys(younger_than=AGAIN), header)

    async def _find_keys(self, *, younger_than: float) -> list[dict[str, Any]]:
        document = await self._find_document()
        async with self._looking:
            if self._keys is None or time.monotonic() - self._keys[0] > younger_than:
                status, body = await self._ask("GET", document.jwks_uri)
                self._must_be_ok(status, document.jwks_uri)
                self._keys = time.monotonic(), _read(body, Keys).keys
            return self._keys[1]

    async def _find_document(self) -> Document:
        async with self._looking:
            if self._document is None or time.monotonic() - self._document[0] > KEPT:
                address = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
                status, body = await self._ask("GET", address)
                self._must_be_ok(status, address)
                document = _read(body, Document)
                self._must_be_right(document)
                self._document = time.monotonic(), document
            return self._document[1]

    def _must_be_ok(self, status: int, address: str) -> None:
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise Unavailable(AWAY.format(self.issuer))
        if status != httpx.codes.OK:
            raise Unproven(
                f"The sign-in service answered {status} for {address}. Check SAMPLEBANK_OIDC_ISSUER."
            )

    def _must_be_right(self, document: Document) -> None:
        if document.issuer != self.issuer:
            raise Unproven(
                "The document of the sign-in service names another issuer than SAMPLEBANK_OIDC_ISSUER: "
                "both have to be the same, letter by letter."
            )
        for address in (document.authorization_endpoint, document.token_endpoint, document.jwks_uri):
            if not is_issuer(address.partition("?")[0]):
                raise Unproven(f"The sign-in service names an address without TLS: {address[:200]}.")

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
        except (httpx.HTTPError, TimeoutError) as error:
            raise Unavailable(AWAY.format(self.issuer)) from error


@cache
def _authorities() -> ssl.SSLContext:
    """Whom to believe about names of hosts. Reading all of them takes some hundredths of a second."""
    return httpx.create_ssl_context()


def _fitting(keys: Sequence[Mapping[str, Any]], header: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The public keys for signatures with the id in the header; all public keys where the header has no id."""
    return [
        dict(key)
        for key in keys
        if key.get("kty") in KEY_TYPES
        and key.get("use", "sig") == "sig"
        and header.get("kid") in {None, key.get("kid")}
    ]


def _read(body: bytes, wanted: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=wanted)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unproven("The sign-in service sent an answer that cannot be read.") from error
