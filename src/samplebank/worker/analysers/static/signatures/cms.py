"""Reads signed data (CMS, PKCS #7), and checks that a signer has signed a content."""

import hashlib
import re
from functools import reduce
from typing import Any

import msgspec

from samplebank.worker.analysers.extract.extras import installed
from samplebank.worker.analysers.static.signatures import der
from samplebank.worker.analysers.static.signatures.der import Damaged, Element

x509 = installed("cryptography.x509")
asymmetric = installed("cryptography.hazmat.primitives.asymmetric.padding")
curves = installed("cryptography.hazmat.primitives.asymmetric.ec")
rsa = installed("cryptography.hazmat.primitives.asymmetric.rsa")
hashes = installed("cryptography.hazmat.primitives.hashes")
exceptions = installed("cryptography.exceptions")

SIGNED_DATA = "1.2.840.113549.1.7.2"
CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME = (f"1.2.840.113549.1.9.{number}" for number in (3, 4, 5))
DIGESTS = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
ATTRIBUTES, UNSIGNED, EXPLICIT = 0xA0, 0xA1, 0xA0
MOST_CERTIFICATES, MOST_SIGNERS = 40, 4
#: bytes of a version, and of the name of an algorithm without a value of its own
MOST_VERSION, MOST_ALGORITHM = 3, 16
STRAY = "The signature carries what nobody has signed."
#: Microsoft's authorities for time stamps put a certificate of their clock beside, which leads to no root: the tags of its two
#: versions, bytes of one at most, the times in it, and more letters side by side than a number has by chance
CLOCKS, MOST_CLOCK = frozenset({0xA1, 0xA2}), 2048
CLOCK_TIME, TEXT = re.compile(rb"\x18\x0f\d{14}Z"), re.compile(rb"[\t\n\r -~]{16}")


class Untrusted(Exception):
    """The signature proves nothing; the reason is a sentence."""


class Signer(msgspec.Struct, frozen=True):
    """`signed` are the signed attributes as they are hashed. The attributes are values by their object identifiers."""

    issuer: bytes
    serial: int
    digest: str
    signature: bytes
    signed: bytes
    attributes: dict[str, list[Element]]
    unsigned: dict[str, list[Element]]


class SignedData(msgspec.Struct, frozen=True):
    """`content` are the bytes that the digest of the content is of."""

    kind: str
    content: bytes
    certificates: list[Any]
    signers: list[Signer]


def signed_data(element: Element) -> SignedData:
    """Read a ContentInfo of signed data. Raises `Damaged`, and `Untrusted` where there is room for what nobody has signed."""
    kind, *wrapped = element.expect(der.SEQUENCE).parts()
    if der.oid(kind) != SIGNED_DATA:
        raise Damaged("This is no signed data.")
    version, digests, content, *rest = _only(_only(wrapped).parts()).expect(der.SEQUENCE).parts()
    content_kind, *inner = content.parts()
    if not inner or not rest:
        raise Damaged("There is no content, or no signer.")
    certificates = _only(rest[:-1]).expect(EXPLICIT).parts() if rest[:-1] else []
    signers = rest[-1].expect(der.SET).parts()
    if len(certificates) > MOST_CERTIFICATES or len(signers) > MOST_SIGNERS:
        raise Untrusted(STRAY)
    _refuse_room(version, *digests.parts())
    return SignedData(
        kind=der.oid(content_kind),
        content=_only(_only(inner).parts()).content,
        certificates=_certificates(certificates),
        signers=[signer(one) for one in signers],
    )


def _only(elements: list[Element]) -> Element:
    """The one element. Raises `Untrusted` for more: no signature is of the others."""
    if len(elements) != 1:
        raise Untrusted(STRAY)
    return elements[0]


def _refuse_room(version: Element, *algorithms: Element) -> None:
    """Raise `Untrusted` where a version or an algorithm, which no signature is of, has room for something else."""
    is_long = any(len(one.raw) > MOST_ALGORITHM for one in algorithms)
    if len(version.raw) > MOST_VERSION or is_long or len(algorithms) > MOST_SIGNERS:
        raise Untrusted(STRAY)


def signer(element: Element) -> Signer:
    version, identifier, digest, *rest = element.expect(der.SEQUENCE).parts()
    issuer, serial = identifier.expect(der.SEQUENCE).parts()
    signed = rest.pop(0).expect(ATTRIBUTES)
    algorithm, signature, *unsigned = rest
    _refuse_room(version, digest, algorithm)
    return Signer(
        issuer=issuer.raw,
        serial=int.from_bytes(serial.content, "big", signed=True),
        digest=digest_name(digest),
        signature=signature.expect(der.OCTETS).content,
        signed=bytes([der.SET]) + signed.raw[1:],
        attributes=_attributes(signed),
        unsigned=_attributes(_only(unsigned).expect(UNSIGNED)) if unsigned else {},
    )


def digest_name(algorithm: Element) -> str:
    name = DIGESTS.get(der.oid(algorithm.parts()[0]))
    if name is None:
        raise Untrusted("The digest is of an unknown or weak kind.")
    return name


def checked(one: Signer, content: bytes, certificates: list[Any]) -> Any:
    """The certificate of a signer who has signed this content. Raises `Untrusted`."""
    told = one.attributes.get(MESSAGE_DIGEST)
    if not told or told[0].content != hashlib.new(one.digest, content).digest():
        raise Untrusted("The digest of the content is another one.")
    for certificate in certificates:
        if certificate.serial_number == one.serial and certificate.issuer.public_bytes() == one.issuer:
            _verify(certificate.public_key(), one)
            return certificate
    raise Untrusted("The certificate of the signer is not there.")


def _verify(key: Any, one: Signer) -> None:
    kind = getattr(hashes, one.digest.upper())()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(one.signature, one.signed, asymmetric.PKCS1v15(), kind)
        elif isinstance(key, curves.EllipticCurvePublicKey):
            key.verify(one.signature, one.signed, curves.ECDSA(kind))
        else:
            raise Untrusted("The key of the signer is of an unknown kind.")
    except (exceptions.InvalidSignature, exceptions.UnsupportedAlgorithm, ValueError) as error:
        raise Untrusted("The signature is not that of the signer.") from error


def _attributes(element: Element) -> dict[str, list[Element]]:
    found = {}
    for attribute in element.parts():
        kind, values = attribute.parts()
        if der.oid(kind) in found:
            raise Untrusted(STRAY)
        found[der.oid(kind)] = values.expect(der.SET).parts()
    return found


def _certificates(elements: list[Element]) -> list[Any]:
    """The certificates. Raises `Untrusted` for an element that is none, or that may hold a script."""
    found = [_certificate(one.raw) for one in elements if one.tag not in CLOCKS]
    names = [name.public_bytes() for one in found for name in (one.subject, one.issuer)]
    clocks = [one.raw for one in elements if one.tag in CLOCKS]
    for clock in clocks:
        rest = reduce(lambda left, name: left.replace(name, b""), names, clock)
        has_text = TEXT.search(CLOCK_TIME.sub(b"", rest).replace(b"\0", b""))
        if len(clocks) > 1 or len(clock) > MOST_CLOCK or has_text:
            raise Untrusted(STRAY)
    return found


def _certificate(raw: bytes) -> Any:
    try:
        return x509.load_der_x509_certificate(raw)
    except (ValueError, TypeError):
        raise Untrusted(STRAY) from None
