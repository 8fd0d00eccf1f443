"""ID tokens: who may have signed a token, and what a token has to say. Tokens are neither stored nor logged."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from joserfc import jwk, jws, jwt
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError

from samplebank.accounts.sign_in import Unproven
from samplebank.timespec import Millis

#: seconds by which the clocks of provider and service may differ
SKEW: Final = 60
#: signatures that only the holder of a private key can make
ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)
KEY_TYPES: Final = frozenset({"RSA", "EC", "OKP"})
#: longest subject that is stored, as OpenID Connect has it
LONGEST_SUBJECT: Final = 255
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


class Expected(msgspec.Struct, frozen=True):
    """A token has to come from `issuer` for `client`. `nonce` is the word of the sign-in, None where the sign-in has none."""

    issuer: str
    client: str
    nonce: str | None


def header_of(token: str, algorithms: Iterable[str]) -> dict[str, Any]:
    """The header, before anything is proved. Raises `Unproven` unless one of `algorithms` signed, and is safe."""
    try:
        header: dict[str, Any] = jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError) as error:
        raise Unproven("The sign-in service sent no token that can be read.") from error
    if not any(header.get("alg") == taken for taken in ALGORITHMS.intersection(algorithms)):
        raise Unproven("The token of the sign-in service is not signed by an algorithm that is taken.")
    return header


def claims_of(
    token: str,
    algorithm: str,
    candidates: Sequence[Mapping[str, Any]],
    expected: Expected,
    *,
    now: Millis,
) -> dict[str, Any]:
    """The claims of a token that one of the keys signed. Raises `Unproven` with the reason."""
    claims = _signed(token, algorithm, candidates)
    _check(claims, expected, now=now)
    return claims


def _signed(token: str, algorithm: str, candidates: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    for candidate in candidates:
        try:
            key = jwk.import_key(dict(candidate))
            return jwt.decode(token, key, algorithms=[algorithm]).claims
        except (JoseError, ValueError, TypeError, KeyError):
            continue  # KeyError is a curve that the library does not know
    raise Unproven("The token is not signed by a key of the sign-in service.")


def _check(claims: dict[str, Any], expected: Expected, *, now: Millis) -> None:
    several = isinstance(claims.get("aud"), list) and len(claims["aud"]) > 1
    nonce = {} if expected.nonce is None else {"nonce": _must_be(expected.nonce)}
    registry = jwt.JWTClaimsRegistry(
        now=now // 1000,
        leeway=SKEW,
        iss=_must_be(expected.issuer),
        aud=_must_be(expected.client),
        azp={"essential": several, "values": [expected.client]},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        **nonce,
    )
    try:
        registry.validate(claims)
    except ExpiredTokenError as error:
        raise Unproven(REASONS["exp"]) from error
    except ClaimError as error:
        first = str(error.claim).split(",", maxsplit=1)[0]
        other = f"The token of the sign-in service has no good claim {first!r}."
        raise Unproven(REASONS.get(first, other)) from error
    subject = claims["sub"]
    if len(subject) > LONGEST_SUBJECT or "\0" in subject or not subject.isascii():
        raise Unproven("The token of the sign-in service has no good claim 'sub'.")


def _must_be(value: str) -> jwt.ClaimsOption:
    return {"essential": True, "value": value}


def fitting(keys: Sequence[Mapping[str, Any]], header: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The public keys for signatures with the id in the header; all public keys where the header has no id."""
    # Compared one by one: a provider may give lists and objects, which no set can be asked for.
    return [
        dict(key)
        for key in keys
        if any(key.get("kty") == kind for kind in KEY_TYPES)
        and key.get("use", "sig") == "sig"
        and (header.get("kid") is None or header["kid"] == key.get("kid"))
    ]
