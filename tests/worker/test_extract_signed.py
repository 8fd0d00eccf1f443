"""Content that stands inside of its signature is opened by the worker `extract`: programs for mails show the content at once."""

import base64
import datetime as dt
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from worker.conftest import Extract
from worker.made_containers import zipped

PROGRAM = b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0" + bytes(range(256)) * 20
ORDERS = b"start calc\r\n"
BODY = b'Content-Type: application/octet-stream; name="run.bat"\r\n\r\n' + ORDERS


def signed(content: bytes, *options: pkcs7.PKCS7Options, encoding: Encoding = Encoding.DER) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "somebody")])
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now.replace(year=2036))
    certificate = builder.sign(key, hashes.SHA256())
    signing = pkcs7.PKCS7SignatureBuilder().set_data(content).add_signer(certificate, key, hashes.SHA256())
    return signing.sign(encoding, [pkcs7.PKCS7Options.Binary, *options])


def in_parts(content: bytes) -> bytes:
    """Signed data without lengths, as programs write it that do not know the length of the content yet."""
    kind, plain = (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07" + bytes([number]) for number in (2, 1))
    pieces = [content[at : at + 100] for at in range(0, len(content), 100)]
    parts = b"".join(b"\x04" + bytes([len(piece)]) + piece for piece in pieces)
    start = b"\x30\x80" + kind + b"\xa0\x80\x30\x80\x02\x01\x01\x31\x80\x30\x80\x05\0\0\0\0\0\x30\x80" + plain
    return start + b"\xa0\x80\x24\x80" + parts + bytes(14)


def mail_of(content: bytes) -> bytes:
    head = b'MIME-Version: 1.0\nContent-Type: application/pkcs7-mime; name="smime.p7m"\n'
    return head + b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(content)


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(signed(PROGRAM), id="with lengths"),
        pytest.param(in_parts(PROGRAM), id="without lengths"),
        pytest.param(signed(PROGRAM, encoding=Encoding.PEM), id="in letters"),
    ],
)
async def test_a_signed_file_is_taken(extract: Extract, made: bytes) -> None:
    (child,) = (await extract(made, "bill.exe.p7m")).children

    assert (child.name, child.data) == ("bill.exe", PROGRAM)


@pytest.mark.parametrize("sign", [signed, in_parts])
async def test_the_attachments_of_a_signed_mail_are_taken(
    extract: Extract, sign: Callable[[bytes], bytes]
) -> None:
    (outer,) = (await extract(mail_of(sign(BODY)))).children

    (child,) = (await extract(outer.data, outer.name)).children

    assert (outer.name, child.name, child.data) == ("smime.p7m", "run.bat", ORDERS)


async def test_a_signed_text_in_an_archive_is_no_harmless_text(extract: Extract) -> None:
    made = in_parts(BODY * 20)

    (child,) = (await extract(zipped({"letter": made}))).children

    assert child.data == made


async def test_a_signature_beside_its_content_holds_nothing(extract: Extract) -> None:
    result = await extract(signed(PROGRAM, pkcs7.PKCS7Options.DetachedSignature))

    assert (result.children, result.result["opened"]) == ([], [])


@pytest.mark.parametrize("end", [20, 40, 60, 300])
async def test_signed_data_that_is_cut_off_gets_an_answer(extract: Extract, end: int) -> None:
    for made in (signed(PROGRAM), in_parts(PROGRAM)):
        assert (await extract(made[:end])).children == []
