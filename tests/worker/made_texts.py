"""Files in texts, mails and documents, written by the specifications of their formats."""

import base64
import binascii
import io
import re
import struct
import zlib
from collections.abc import Mapping
from email.message import EmailMessage
from email.policy import SMTP
from uuid import UUID, uuid4

import pikepdf

from worker.made_containers import zipped
from worker.made_images import compound, native


def uuencoded(name: str, data: bytes) -> bytes:
    lines = b"".join(binascii.b2a_uu(data[at : at + 45]) for at in range(0, len(data), 45))
    return b"see below\n\nbegin 644 " + name.encode() + b"\n" + lines + b"`\nend\n"


def yencoded(name: str, data: bytes) -> bytes:
    moved = bytes((byte + 42) % 256 for byte in data)
    safe = re.sub(rb"[\0\n\r=]", lambda found: b"=" + bytes([(found[0][0] + 64) % 256]), moved)
    lines = re.findall(rb"(?:=.|[^=]){1,128}", safe, re.DOTALL)
    head = f"=ybegin line=128 size={len(data)} name={name}\r\n".encode()
    return b"a post\r\n\r\n" + head + b"\r\n".join(lines) + f"\r\n=yend size={len(data)}\r\n".encode()


def binhex(name: str, data: bytes) -> bytes:
    letters = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"
    usual = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    head = (
        bytes([len(name)]) + name.encode() + b"\0" + b"????????" + bytes(2) + struct.pack(">II", len(data), 0)
    )
    plain = (head + bytes(2) + data + bytes(4)).replace(b"\x90", b"\x90\0")
    coded = base64.b64encode(plain + bytes(-len(plain) % 3)).translate(bytes.maketrans(usual, letters))
    return b"(This file must be converted with BinHex 4.0)\n:" + re.sub(rb"(.{64})", rb"\1\n", coded) + b":\n"


def mail_with(part: EmailMessage | bytes, name: str | None, content_type: str) -> EmailMessage:
    main, sub = content_type.split("/")
    message = EmailMessage(policy=SMTP)
    message["From"], message["Subject"], message["Message-ID"] = "a@example.org", "hello", "<1@example.org>"
    message.set_content("see attachment")
    if isinstance(part, EmailMessage):
        message.add_attachment(part)
    else:
        message.add_attachment(part, maintype=main, subtype=sub, filename=name)
    return message


def mail_in_mail(name: str, data: bytes) -> bytes:
    return bytes(mail_with(mail_with(data, name, "application/octet-stream"), None, "message/rfc822"))


def mailbox(name: str, data: bytes) -> bytes:
    line = b"From a@example.org Thu Jul 31 13:51:21 2008\n"
    one = bytes(mail_with(b"some words", "words.txt", "application/octet-stream"))
    return line + one + b"\n" + line + bytes(mail_with(data, name, "application/octet-stream"))


def web_archive(name: str, data: bytes) -> bytes:
    """A web archive of Word: the compound file with the macros is wrapped, and has an address instead of a name."""
    wrapped = b"ActiveMime".ljust(0x32, b"\0") + zlib.compress(
        compound({"_1/\x01Ole10Native": native(name, data)})
    )
    text = base64.encodebytes(wrapped).decode()
    return (
        'MIME-Version: 1.0\nContent-Type: multipart/related; boundary="b"\n\n'
        "--b\nContent-Location: file:///C:/1/page.htm\nContent-Type: text/html\n\n<html>hello</html>\n"
        "--b\nContent-Location: file:///C:/1/editdata.mso\nContent-Type: application/x-mso\n"
        f"Content-Transfer-Encoding: base64\n\n{text}\n--b--\n"
    ).encode()


def outlook_in_outlook(name: str, data: bytes) -> bytes:
    """A mail of Outlook in a mail of Outlook: the inner mail is a folder, and not a file."""
    outer, inner = "__attach_version1.0_#00000000", "__substg1.0_3701000D"
    attachment = f"{outer}/{inner}/__attach_version1.0_#00000000"
    return compound({
        "__properties_version1.0": bytes(32),
        f"{outer}/{inner}/__properties_version1.0": bytes(32),
        f"{attachment}/__substg1.0_37010102": data,
        f"{attachment}/__substg1.0_3707001F": name.encode("utf-16-le"),
    })  # fmt: skip


def onenote(ending: str, data: bytes) -> bytes:
    """A section with a file: the reference on the page, the table of files, and the file."""
    id_ = uuid4()
    page = (
        f"<ifndf>{{{id_}}}".encode("utf-16-le") + struct.pack("<I", len(ending)) + ending.encode("utf-16-le")
    )
    start = UUID("7b5c52e4-d88c-4da7-aeb1-5378d02996d3").bytes_le + bytes(1000) + page
    table_size = 12 + 16 + 4
    place = len(start) + table_size
    table = struct.pack("<QI", place, len(data)) + id_.bytes_le + bytes(4)
    before = UUID("bde316e7-2665-4511-a4c4-8d4d0b7a9eac").bytes_le
    behind = UUID("71fba722-0f79-4a0b-bb13-899256426b24").bytes_le
    return (
        start + table + before + struct.pack("<QIQ", len(data), 0, 0) + data + bytes(-len(data) % 8) + behind
    )


def record(inner: bytes) -> bytes:
    """The record of a compressed object in a presentation."""
    packed = struct.pack("<I", len(inner)) + zlib.compress(inner)
    return struct.pack("<HHI", 0x10, 0x1011, len(packed)) + packed


def presentation(name: str, data: bytes) -> bytes:
    """A presentation of PowerPoint 2003 with a packed object."""
    return compound({"PowerPoint Document": record(compound({"\x01Ole10Native": native(name, data)}))})


def open_document(name: str, data: bytes) -> bytes:
    members: Mapping[str, bytes] = {
        "mimetype": b"application/vnd.oasis.opendocument.text",
        "Object 1": compound({"\x01Ole10Native": native(name, data)}),
        "content.xml": b"<office:document-content/>",
    }
    return zipped(members)


def flat_document(name: str, data: bytes) -> bytes:
    """A document of Word as one XML file."""
    inner = base64.encodebytes(compound({"\x01Ole10Native": native(name, data)})).decode()
    return f"""<?xml version="1.0"?><pkg:package><pkg:part pkg:name="/word/embeddings/oleObject1.bin"><pkg:binaryData>{inner}
    </pkg:binaryData></pkg:part></pkg:package>""".encode()


def symbian(_: str, data: bytes) -> bytes:
    return struct.pack("<IIII", 1, 2, 0x10000419, 3) + bytes(60) + zlib.compress(data)


def pdf_of_one_object(name: str, data: bytes, script: str) -> bytes:
    """A document whose catalogue holds the file and the script itself. Nothing else points to the file or the script."""
    target = io.BytesIO()
    with pikepdf.new() as document:
        document.add_blank_page()
        stream = document.make_indirect(pikepdf.Stream(document, data))
        file = pikepdf.Dictionary(F=pikepdf.String(name), EF=pikepdf.Dictionary(F=stream))
        action = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String(script))
        document.Root.Names = pikepdf.Dictionary(
            EmbeddedFiles=pikepdf.Dictionary(Names=pikepdf.Array([pikepdf.String(name), file])),
            JavaScript=pikepdf.Dictionary(Names=pikepdf.Array([pikepdf.String("x"), action])),
        )
        document.save(target)
    return target.getvalue()


def pdf_with(name: str, data: bytes, script: str = "") -> bytes:
    target = io.BytesIO()
    with pikepdf.new() as document:
        document.add_blank_page()
        document.attachments[name] = data
        if script:
            action = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String(script))
            document.Root.OpenAction = document.make_indirect(action)
        document.save(target)
    return target.getvalue()
