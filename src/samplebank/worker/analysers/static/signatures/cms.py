"""Reads signed data (CMS, PKCS #7), and checks that a signer has signed a content."""

import hashlib
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
    """Read a ContentInfo of signed data. Raises `Damaged`."""
    kind, wrapped = element.expect(der.SEQUENCE).parts()[:2]
    if der.oid(kind) != SIGNED_DATA:
        raise Damaged("This is no signed data.")
    _, _, content, *rest = der.read(wrapped.content).expect(der.SEQUENCE).parts()
    content_kind, *inner = content.parts()
    if not inner or not rest:
        raise Damaged("There is no content, or no signer.")
    certificates = [one for part in rest[:-1] if part.tag == EXPLICIT for one in part.parts()]
    return SignedData(
        kind=der.oid(content_kind),
        content=der.read(inner[0].content).content,
        certificates=[found for one in certificates[:MOST_CERTIFICATES] if (found := _certificate(one.raw))],
        signers=[signer(one) for one in rest[-1].expect(der.SET).parts()[:MOST_SIGNERS]],
    )


def signer(element: Element) -> Signer:
    _, identifier, digest, *rest = element.expect(der.SEQUENCE).parts()
    issuer, serial = identifier.expect(der.SEQUENCE).parts()
    signed = rest.pop(0).expect(ATTRIBUTES)
    _, signature, *unsigned = rest
    return Signer(
        issuer=issuer.raw,
        serial=int.from_bytes(serial.content, "big", signed=True),
        digest=digest_name(digest),
        signature=signature.expect(der.OCTETS).content,
        signed=bytes([der.SET]) + signed.raw[1:],
        attributes=_attributes(signed),
        unsigned=_attributes(unsigned[0].expect(UNSIGNED)) if unsigned else {},
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
        found[der.oid(kind)] = values.expect(der.SET).parts()
    return found


def _certificate(raw: bytes) -> Any:
    try:
        return x509.load_der_x509_certificate(raw)
    except (ValueError, TypeError):
        return None
