"""Certificates, time stamps and signed Windows programs, made at test time with keys for one test."""

import hashlib
import struct
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache

import lief
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from samplebank.worker.analysers.static.signatures.der import Element
from worker import made_files

SHA256 = "2.16.840.1.101.3.4.2.1"
CODE, STAMPS = ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.TIME_STAMPING
START, END, SIGNED = (datetime(year, 1, 1, tzinfo=UTC) for year in (2015, 2020, 2018))


class Identity(msgspec.Struct, frozen=True):
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def identity(
    name: str,
    issuer: Identity | None = None,
    usage: x509.ObjectIdentifier | None = None,
    *,
    is_authority: bool = False,
    end: datetime = END,
) -> Identity:
    """A certificate with a key, issued by itself or another."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return Identity(builder.sign((issuer.key if issuer else key), hashes.SHA256()), key)


#: makes the unsigned attribute of a signature
Stamp = Callable[[bytes], bytes]


def tlv(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def sequence(*parts: bytes) -> bytes:
    return tlv(0x30, *parts)


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    content = bytes([40 * first + second])
    for number in rest:
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(0x80 | number & 0x7F)
        content += bytes(reversed(groups))
    return tlv(6, content)


def algorithm(dotted: str = SHA256) -> bytes:
    return sequence(oid(dotted), tlv(5))


def signer_info(
    who: Identity, content: bytes, kind: str, stamp: Stamp | None = None, signed_at: datetime | None = None
) -> bytes:
    attributes = [
        sequence(oid("1.2.840.113549.1.9.3"), tlv(0x31, oid(kind))),
        sequence(oid("1.2.840.113549.1.9.4"), tlv(0x31, tlv(4, hashlib.sha256(content).digest()))),
    ]
    if signed_at is not None:
        at = tlv(0x17, f"{signed_at:%y%m%d%H%M%SZ}".encode())
        attributes.append(sequence(oid("1.2.840.113549.1.9.5"), tlv(0x31, at)))
    signature = who.key.sign(tlv(0x31, *attributes), ec.ECDSA(hashes.SHA256()))
    serial = who.certificate.serial_number
    return sequence(
        tlv(2, b"\1"),
        sequence(
            who.certificate.issuer.public_bytes(),
            tlv(2, serial.to_bytes(serial.bit_length() // 8 + 1, "big")),
        ),
        algorithm(),
        tlv(0xA0, *attributes),
        algorithm("1.2.840.10045.4.3.2"),
        tlv(4, signature),
        *([tlv(0xA1, stamp(signature))] if stamp else []),
    )


def signed_data(
    kind: str, inner: bytes, certificates: Sequence[Identity], signer: bytes, beside: bytes = b""
) -> bytes:
    """`beside` stands among the certificates."""
    encoded = [one.certificate.public_bytes(serialization.Encoding.DER) for one in certificates]
    return sequence(
        oid("1.2.840.113549.1.7.2"),
        tlv(
            0xA0,
            sequence(
                tlv(2, b"\1"),
                tlv(0x31, algorithm()),
                sequence(oid(kind), tlv(0xA0, inner)),
                tlv(0xA0, *encoded, beside),
                tlv(0x31, signer),
            ),
        ),
    )


def program_signature(
    digest: bytes, signer: Identity, certificates: Sequence[Identity], stamp: Stamp | None = None
) -> bytes:
    """The signature of a program by digest."""
    image = sequence(tlv(3, b"\0"), tlv(0xA0, tlv(0xA2, tlv(0x80))))
    data = sequence(oid("1.3.6.1.4.1.311.2.1.15"), image)
    content = data + sequence(algorithm(), tlv(4, digest))
    kind = "1.3.6.1.4.1.311.2.1.4"
    return signed_data(kind, sequence(content), certificates, signer_info(signer, content, kind, stamp))


def time_stamp(
    authority: Identity, certificates: Sequence[Identity], at: datetime = SIGNED, beside: bytes = b""
) -> Stamp:
    """A stamp by RFC 3161."""

    def made(signature: bytes) -> bytes:
        imprint = sequence(algorithm(), tlv(4, hashlib.sha256(signature).digest()))
        told = sequence(
            tlv(2, b"\1"), oid("1.2.3.4"), imprint, tlv(2, b"\5"), tlv(0x18, f"{at:%Y%m%d%H%M%SZ}".encode())
        )
        kind = "1.2.840.113549.1.9.16.1.4"
        signer = signer_info(authority, told, kind)
        stamp = signed_data(kind, tlv(4, told), certificates, signer, beside)
        return sequence(oid("1.3.6.1.4.1.311.3.3.1"), tlv(0x31, stamp))

    return made


def countersignature(authority: Identity, at: datetime = SIGNED) -> Stamp:
    """A stamp as usual before RFC 3161."""

    def made(signature: bytes) -> bytes:
        info = signer_info(authority, signature, "1.2.840.113549.1.7.1", signed_at=at)
        return sequence(oid("1.2.840.113549.1.9.6"), tlv(0x31, info))

    return made


def nested(signature: bytes) -> Stamp:
    """A signature of the same program for another digest."""
    return lambda _: sequence(oid("1.3.6.1.4.1.311.2.4.1"), tlv(0x31, signature))


def clock(who: Identity, number: bytes) -> bytes:
    """The certificate of a clock, as Microsoft's authorities for time stamps put it beside their own."""
    name, time = who.certificate.subject.public_bytes(), tlv(0x18, b"20180101000000Z")
    return tlv(
        0xA1, sequence(tlv(0xA1, name), algorithm(), sequence(time, time)), algorithm(), tlv(3, number)
    )


def grown(element: Element, more: bytes) -> Iterator[bytes]:
    """The element with `more` at the end of each element that holds others."""
    if not element.tag & 0x20:
        return
    parts = [part.raw for part in element.parts()]
    yield tlv(element.tag, *parts, more)
    for place, part in enumerate(element.parts()):
        for new in grown(part, more):
            yield tlv(element.tag, *parts[:place], new, *parts[place + 1 :])


@cache
def signed_program() -> bytes:
    """The launcher, signed with keys up to a root of our own."""
    program = made_files.launcher()
    program += bytes(-len(program) % 8)
    parsed = lief.PE.parse(program)
    assert parsed is not None
    root = identity("root", is_authority=True)
    authority = identity("authority", root, is_authority=True)
    signer, stamper = identity("signer", authority, CODE), identity("stamper", root, STAMPS)
    digest = bytes(parsed.authentihash_sha256)
    table = program_signature(digest, signer, (signer, authority, stamper), countersignature(stamper))
    table += bytes(-len(table) % 8)
    entry = struct.pack("<IHH", len(table) + 8, 0x200, 2) + table
    # The fifth directory behind the optional header of 64-bit programs is the place of the table.
    directory = int.from_bytes(program[0x3C:0x40], "little") + 24 + 112 + 4 * 8
    place = struct.pack("<II", len(program), len(entry))
    return program[:directory] + place + program[directory + 8 :] + entry
