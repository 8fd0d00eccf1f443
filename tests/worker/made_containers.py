"""Containers made at test time."""

import bz2
import io
import secrets
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from email.message import EmailMessage


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as container:
        for name, data in members.items():
            container.writestr(name, data)
    return target.getvalue()


def tarred(members: Mapping[str, bytes], mode: str = "w") -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode) as container:  # type: ignore[call-overload]
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            container.addfile(entry, io.BytesIO(data))
    return target.getvalue()


def mail(attachment: bytes, text: str, name: str = "bill.zip") -> bytes:
    message = EmailMessage()
    message["From"], message["Subject"], message["Message-ID"] = (
        "a@example.org",
        "Your bill",
        "<1@example.org>",
    )
    message.set_content(text)
    message.add_attachment(attachment, maintype="application", subtype="zip", filename=name)
    return bytes(message)


class _Traditional:
    """The traditional encryption of ZIP files, by section 6.1 of the specification."""

    def __init__(self, word: bytes) -> None:
        self._keys = [0x12345678, 0x23456789, 0x34567890]
        for byte in word:
            self._update(byte)

    def _update(self, byte: int) -> None:
        keys = self._keys
        keys[0] = ~zlib.crc32(bytes([byte]), ~keys[0] & 0xFFFFFFFF) & 0xFFFFFFFF
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = ~zlib.crc32(bytes([keys[1] >> 24]), ~keys[2] & 0xFFFFFFFF) & 0xFFFFFFFF

    def encrypted(self, data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            key = (self._keys[2] | 2) & 0xFFFF
            out.append(byte ^ ((key * (key ^ 1)) >> 8) & 0xFF)
            self._update(byte)
        return bytes(out)


def locked(members: Mapping[str, bytes], word: str, method: int = zipfile.ZIP_STORED) -> bytes:
    """A ZIP file whose members stand under the traditional encryption, stored or packed by bzip2."""
    local, central = b"", b""
    for name, data in members.items():
        crc = zlib.crc32(data)
        start = secrets.token_bytes(11) + bytes([crc >> 24])
        content = bz2.compress(data) if method == zipfile.ZIP_BZIP2 else data
        packed = _Traditional(word.encode()).encrypted(start + content)
        fields = struct.pack("<HHHHHIIIHH", 20, 1, method, 0, 33, crc, len(packed), len(data), len(name), 0)
        central += (
            b"PK\x01\x02"
            + struct.pack("<H", 20)
            + fields
            + struct.pack("<HHHII", 0, 0, 0, 0, len(local))
            + name.encode()
        )
        local += b"PK\x03\x04" + fields + name.encode() + packed
    end = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(central), len(local), 0)
    return local + central + b"PK\x05\x06" + end
