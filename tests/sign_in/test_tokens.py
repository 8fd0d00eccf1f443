"""Tokens of a provider who lies, or of somebody between: none says who has signed in."""

import asyncio
import base64
import json
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwk

from kit.broken_tls import breaking
from kit.certificates import make_certificates
from kit.forger import Forger
from samplebank.accounts import provider as provider_module
from samplebank.accounts.provider import Client, Provider
from samplebank.accounts.sign_in import Identity, Unproven
from samplebank.errors import Conflict, Unavailable

SECONDS = 1_800_000_000
NONCE = "the nonce of this sign-in"


@pytest.fixture
def forger() -> Iterator[Forger]:
    with Forger().running() as forger:
        yield forger


@pytest.fixture
def provider(forger: Forger) -> Provider:
    return Provider(Client(forger.issuer, "bank", "a secret", "openid"))


async def exchange(provider: Provider) -> Identity:
    return await provider.exchange(
        "code", back="http://here/back", verifier="v", nonce=NONCE, now=SECONDS * 1000
    )


def claims_of(forger: Forger, **others: Any) -> dict[str, Any]:
    """Good claims, but for others. A claim of None is left out."""
    good = {
        "iss": forger.issuer,
        "sub": "alice",
        "aud": "bank",
        "iat": SECONDS,
        "exp": SECONDS + 300,
        "nonce": NONCE,
    }
    return {name: value for name, value in {**good, **others}.items() if value is not None}


async def test_a_good_token_says_who_has_signed_in(forger: Forger, provider: Provider) -> None:
    forger.give(claims_of(forger, groups=["soc"]))

    who = await exchange(provider)

    assert (who.issuer, who.subject, who.has("groups", "soc")) == (forger.issuer, "alice", True)


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"iss": "https://evil.example"}, "another sign-in service"),
        ({"iss": None}, "another sign-in service"),
        ({"aud": "another client"}, "another client"),
        ({"aud": []}, "another client"),
        ({"aud": None}, "another client"),
        ({"aud": ["bank", "other"]}, "another client"),
        ({"aud": ["bank", "other"], "azp": "other"}, "another client"),
        ({"azp": "other"}, "another client"),
        ({"exp": SECONDS - 61}, "has expired"),
        ({"exp": None}, "has expired"),
        ({"exp": "soon"}, "has expired"),
        ({"iat": SECONDS + 62}, "of the future"),
        ({"iat": None}, "of the future"),
        ({"nbf": SECONDS + 62}, "not good yet"),
        ({"nonce": "of another sign-in"}, "another sign-in: begin again"),
        ({"nonce": None}, "another sign-in: begin again"),
        ({"sub": None}, "no good claim 'sub'"),
        ({"sub": ""}, "no good claim 'sub'"),
        ({"sub": 7}, "no good claim 'sub'"),
        ({"sub": "a\0b"}, "no good claim 'sub'"),
        ({"sub": "a" * 256}, "no good claim 'sub'"),
        ({"sub": "half a letter \ud800"}, "no good claim 'sub'"),
    ],
)
async def test_a_token_with_false_claims_is_refused_with_the_reason(
    forger: Forger, provider: Provider, claims: dict[str, Any], said: str
) -> None:
    forger.give(claims_of(forger, **claims))

    with pytest.raises(Unproven, match=said):
        await exchange(provider)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": SECONDS - 59},
        {"iat": SECONDS + 60},
        {"nbf": SECONDS + 60},
        {"aud": ["other", "bank"], "azp": "bank"},
    ],
)
async def test_clocks_may_differ_by_a_minute_and_a_token_may_be_for_others_too(
    forger: Forger, provider: Provider, claims: dict[str, Any]
) -> None:
    forger.give(claims_of(forger, **claims))

    assert (await exchange(provider)).subject == "alice"


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
async def test_a_token_signed_by_nobody_is_refused(forger: Forger, provider: Provider) -> None:
    forger.give(claims_of(forger), jwk.OctKey.generate_key(256), alg="none")

    with pytest.raises(Unproven, match="algorithm"):
        await exchange(provider)


async def test_a_token_signed_by_an_algorithm_that_the_provider_does_not_name_is_refused(
    forger: Forger, provider: Provider
) -> None:
    forger.document["id_token_signing_alg_values_supported"] = ["ES256"]
    forger.tell()
    forger.give(claims_of(forger), alg="RS256")

    with pytest.raises(Unproven, match="algorithm"):
        await exchange(provider)


@pytest.mark.parametrize("secret", ["the public key", "the secret of the client"])
async def test_a_token_signed_by_what_others_know_is_refused(
    forger: Forger, provider: Provider, secret: str
) -> None:
    known = forger.key.as_pem(private=False) if secret == "the public key" else b"a secret"
    key = jwk.OctKey.import_key({"kty": "oct", "k": jwk.OctKey.import_key(known.hex()).as_dict()["k"]})
    forger.give(claims_of(forger), key, alg="HS256")

    with pytest.raises(Unproven, match="algorithm"):
        await exchange(provider)


async def test_a_token_signed_by_another_key_of_the_same_name_is_refused(
    forger: Forger, provider: Provider
) -> None:
    forger.give(claims_of(forger), jwk.RSAKey.generate_key(2048))

    with pytest.raises(Unproven, match="not signed by a key"):
        await exchange(provider)


async def test_a_key_that_a_token_brings_along_counts_for_nothing(forger: Forger, provider: Provider) -> None:
    own = jwk.ECKey.generate_key("P-256")
    forger.give(claims_of(forger), own, alg="ES256", jwk=own.as_dict(private=False), kid="of the attacker")

    with pytest.raises(Unproven, match="not signed by a key"):
        await exchange(provider)


@pytest.mark.parametrize(
    "odd",
    [
        {"kty": "EC", "crv": "of tomorrow", "x": "AA", "y": "AA", "kid": "first"},
        {"kty": ["EC"], "kid": "first"},
        {"kty": "RSA", "kid": ["first"]},
    ],
    ids=["a curve of tomorrow", "a list of types", "a list of ids"],
)
async def test_a_key_that_cannot_be_read_hides_no_other_key(
    forger: Forger, provider: Provider, odd: dict[str, Any]
) -> None:
    forger.tell()
    forger.answers["/keys"] = 200, {"keys": [odd, forger.key.as_dict(private=False)]}
    forger.give(claims_of(forger))

    assert (await exchange(provider)).subject == "alice"


@pytest.mark.parametrize("field", ["alg", "kid"])
async def test_a_token_whose_header_has_a_list_for_a_word_is_refused(
    forger: Forger, provider: Provider, field: str
) -> None:
    header = {"alg": "RS256", "kid": "first", field: ["first"]}
    parts = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, {})
    )
    forger.answers["/token"] = 200, {"id_token": f"{'.'.join(parts)}.AAAA"}

    with pytest.raises(Unproven):
        await exchange(provider)


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("RS512", lambda named: jwk.RSAKey.generate_key(2048, named)),
        ("PS256", lambda named: jwk.RSAKey.generate_key(2048, named)),
        ("ES384", lambda named: jwk.ECKey.generate_key("P-384", named)),
        ("Ed25519", lambda named: jwk.OKPKey.generate_key("Ed25519", named)),
    ],
)
async def test_a_token_may_be_signed_by_each_safe_algorithm_that_the_provider_names(
    forger: Forger, provider: Provider, algorithm: str, key: Callable[[dict[str, Any]], jwk.Key]
) -> None:
    used = key({"kid": "first"})
    forger.document["id_token_signing_alg_values_supported"] = [algorithm]
    forger.tell(used)
    forger.give(claims_of(forger), used, alg=algorithm)

    assert (await exchange(provider)).subject == "alice"


async def test_a_key_for_encryption_signs_nothing(forger: Forger, provider: Provider) -> None:
    forger.answers["/keys"] = 200, {"keys": [{**forger.key.as_dict(private=False), "use": "enc"}]}
    forger.give(claims_of(forger))

    with pytest.raises(Unproven, match="not signed by a key"):
        await exchange(provider)


async def test_an_answer_without_end_is_not_read_to_its_end(forger: Forger, provider: Provider) -> None:
    forger.answers["/keys"] = 200, b" " * (provider_module.MOST + 1)
    forger.give(claims_of(forger))

    with pytest.raises(Unproven, match="answered more than"):
        await exchange(provider)


async def test_an_answer_without_its_sender_is_refused_where_the_provider_names_itself(
    forger: Forger, provider: Provider
) -> None:
    forger.document["authorization_response_iss_parameter_supported"] = True
    forger.tell()

    with pytest.raises(Unproven, match="another sign-in service"):
        await provider.check_sender(None)


async def test_a_key_for_secrets_signs_nothing(forger: Forger, provider: Provider) -> None:
    shared = jwk.OctKey.generate_key(256, {"kid": "first"})
    forger.answers["/keys"] = 200, {"keys": [shared.as_dict(private=True)]}
    forger.give(claims_of(forger))

    with pytest.raises(Unproven, match="not signed by a key"):
        await exchange(provider)


async def test_a_new_key_is_looked_for_once_a_minute(
    forger: Forger, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    forger.give(claims_of(forger))
    await exchange(provider)
    rotated = jwk.ECKey.generate_key("P-256", {"kid": "second"})
    forger.tell(forger.key, rotated)
    forger.give(claims_of(forger), rotated, alg="ES256", kid="second")

    with pytest.raises(Unproven, match="not signed by a key"):
        await exchange(provider)
    asked_at_once = forger.asked.count("/keys")
    monkeypatch.setattr(provider_module, "AGAIN", 0.0)
    who = await exchange(provider)

    assert (asked_at_once, forger.asked.count("/keys"), who.subject) == (1, 2, "alice")


@pytest.mark.parametrize("token", ["", "a.b.c", "eyJ.eyJ.", "ü" * 9, "." * 100_000])
async def test_what_is_no_token_is_refused(forger: Forger, provider: Provider, token: str) -> None:
    forger.answers["/token"] = 200, {"id_token": token}

    with pytest.raises(Unproven):
        await exchange(provider)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"<html>", b'{"id_token": 7}', b"[" * 10_000, b" " * 1_100_000]
)
async def test_an_answer_of_another_form_is_refused(forger: Forger, provider: Provider, body: bytes) -> None:
    forger.answers["/token"] = 200, body

    with pytest.raises(Unproven):
        await exchange(provider)


@pytest.mark.parametrize(
    ("status", "error", "family"),
    [(400, "invalid_grant", Conflict), (401, "invalid_client", Unproven), (500, "", Unavailable)],
)
async def test_a_refusal_of_the_provider_is_told_by_its_kind(
    forger: Forger, provider: Provider, status: int, error: str, family: type[Exception]
) -> None:
    forger.answers["/token"] = status, {"error": error}

    with pytest.raises(family):
        await exchange(provider)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda issuer: {"issuer": issuer + "/"}, "names another issuer"),
        (lambda _: {"token_endpoint": "http://evil.example/token"}, "without TLS"),
        (lambda _: {"jwks_uri": "file:///etc/passwd"}, "without TLS"),
        (lambda _: {"authorization_endpoint": "https://id.example/\r\nSet-Cookie: a=b"}, "cannot be read"),
        (lambda _: {"token_endpoint": "https://id.example/" + "a" * 70_000}, "cannot be read"),
    ],
)
async def test_a_document_that_leads_astray_is_refused(
    forger: Forger, provider: Provider, change: Callable[[str], dict[str, str]], said: str
) -> None:
    forger.document |= change(forger.issuer)
    forger.tell()

    with pytest.raises(Unproven, match=said):
        await provider.address(back="b", state="s", nonce="n", challenge="c")


async def test_an_address_whose_host_is_no_name_is_refused() -> None:
    nowhere = Provider(Client("https://xn--", "bank", None, "openid"))

    with pytest.raises(Unproven, match="cannot be read"):
        await nowhere.address(back="b", state="s", nonce="n", challenge="c")


async def test_a_provider_that_is_away_is_away() -> None:
    gone = Provider(Client("http://127.0.0.1:9", "bank", None, "openid"))

    with pytest.raises(Unavailable, match="does not answer"):
        await gone.address(back="b", state="s", nonce="n", challenge="c")


async def test_a_provider_that_is_away_is_not_asked_by_each_who_waits(
    forger: Forger, provider: Provider
) -> None:
    forger.answers["/.well-known/openid-configuration"] = 500, {}

    tried = await asyncio.gather(
        *(provider.address(back="b", state="s", nonce="n", challenge="c") for _ in range(20)),
        return_exceptions=True,
    )

    assert {type(one) for one in tried} == {Unavailable}
    assert len(forger.asked) == 1


async def test_a_provider_whose_tls_breaks_behind_the_handshake_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates = make_certificates(tmp_path)
    trusting = ssl.create_default_context(cafile=certificates.authority)
    monkeypatch.setattr(provider_module, "_authorities", lambda: trusting)

    with breaking(certificates) as issuer, pytest.raises(Unavailable, match="does not answer"):
        await exchange(Provider(Client(issuer, "bank", "a secret", "openid")))
