"""An authority of a test's own, and the certificate that the authority signs for a server of this host."""

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


class Certificates(NamedTuple):
    """Files in PEM: the certificate of the authority, and certificate and key of the server."""

    authority: Path
    certificate: Path
    key: Path


SIGNS_CERTIFICATES = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


def make_certificates(folder: Path) -> Certificates:
    """A certificate for `127.0.0.1`, for a day, with all that the strict rules of Python 3.13 ask for."""
    files = Certificates(folder / "authority.pem", folder / "server.pem", folder / "server.key")
    own, served = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name, server = _name("an authority of the tests"), _name("a server of the tests")
    authority = _new(name, own).issuer_name(name)
    authority = authority.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    authority = authority.add_extension(SIGNS_CERTIFICATES, critical=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(own.public_key())
    authority = authority.add_extension(identifier, critical=False)
    certificate = _new(server, served).issuer_name(name)
    here = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    certificate = certificate.add_extension(here, critical=False)
    signed_by = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    certificate = certificate.add_extension(signed_by, critical=False)
    files.authority.write_bytes(authority.sign(own, SHA256()).public_bytes(Encoding.PEM))
    files.certificate.write_bytes(certificate.sign(own, SHA256()).public_bytes(Encoding.PEM))
    files.key.write_bytes(served.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _new(name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )
