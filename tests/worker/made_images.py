"""Archives, images and documents with files in them, written by the specifications of their formats, without packing."""

import binascii
import struct
import zlib
from collections.abc import Mapping
from uuid import UUID

SECTOR, BLOCK = 512, 2048
FREE, END, FAT_SECTOR = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
STORAGE, STREAM, ROOT = 1, 2, 5


def _filled(data: bytes, size: int, by: bytes = b"\0") -> bytes:
    return data + by * (-len(data) % size)


# -- compound files (MS-CFB)


def compound(streams: Mapping[str, bytes]) -> bytes:
    """A compound file with streams by their paths (`folder/stream`). A short stream is filled up to 4,096 bytes."""
    parts = [path.split("/")[:-1] for path in streams]
    folders = sorted({"/".join(part[: end + 1]) for part in parts for end in range(len(part))})
    entries = ["", *folders, *streams]
    contents = {path: _filled(data.ljust(4096, b"\0"), SECTOR) for path, data in streams.items()}
    count = -(-len(entries) // 4)
    starts, place = {}, 1 + count
    for path, data in contents.items():
        starts[path], place = place, place + len(data) // SECTOR
    chains = [FAT_SECTOR, *range(2, count + 1), END]
    for path, data in contents.items():
        chains += [*range(starts[path] + 1, starts[path] + len(data) // SECTOR), END]
    assert len(chains) <= SECTOR // 4
    fat = struct.pack(f"<{len(chains)}I", *chains).ljust(SECTOR, b"\xff")
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<IIIIIIIIII", 0, 1, 1, 0, 4096, END, 0, END, 0, 0) + struct.pack(
        "<108I", *[FREE] * 108
    )
    directory = b"".join(_entry(index, entries, streams, starts) for index in range(len(entries)))
    return head + fat + _filled(directory, SECTOR) + b"".join(contents.values())


def _entry(index: int, entries: list[str], streams: Mapping[str, bytes], starts: Mapping[str, int]) -> bytes:
    """A directory entry: the children of a folder hang in a line, each to the right of the one before."""
    path = entries[index]
    inside = (
        [n for n, other in enumerate(entries) if n and other.rpartition("/")[0] == path]
        if path not in streams
        else []
    )
    beside = [
        n
        for n, other in enumerate(entries)
        if n > index and other.rpartition("/")[0] == path.rpartition("/")[0]
    ]
    name = ("Root Entry" if not index else path.rpartition("/")[2]).encode("utf-16-le") + b"\0\0"
    kind = ROOT if not index else STREAM if path in streams else STORAGE
    right = beside[0] if index and beside else FREE
    size = max(len(streams[path]), 4096) if path in streams else 0
    return (
        name.ljust(64, b"\0") + struct.pack("<HBBIII", len(name), kind, 1, FREE, right, inside[0] if inside else FREE)
        + bytes(36) + struct.pack("<IQ", starts.get(path, 0 if index else END), size)
    )  # fmt: skip


def native(name: str, data: bytes) -> bytes:
    """The stream Ole10Native of a package."""
    path = name.encode() + b"\0"
    body = b"\x02\0" + path + b"C:\\" + path + b"\0\0\x03\0" + struct.pack("<I", len(path)) + path
    body += struct.pack("<I", len(data)) + data
    return struct.pack("<I", len(body)) + body


def outlook(name: str, data: bytes, text: str) -> bytes:
    """A mail of Outlook with an attachment."""
    folder = "__attach_version1.0_#00000000"
    return compound({
        "__properties_version1.0": bytes(32),
        "__substg1.0_1000001F": text.encode("utf-16-le"),
        f"{folder}/__substg1.0_37010102": data,
        f"{folder}/__substg1.0_3707001F": name.encode("utf-16-le"),
    })  # fmt: skip


def rtf(name: str, data: bytes) -> bytes:
    """A document with a package, whose digits are broken by groups, blanks and words."""
    inner = native(name, data)[4:]
    body = struct.pack("<II", 0x501, 2)
    for text in (b"Package\0", b"", b""):
        body += struct.pack("<I", len(text)) + text
    digits = binascii.hexlify(body + struct.pack("<I", len(inner)) + inner)
    broken = b"\n".join(digits[at : at + 61] + b"{\\*\\x}" for at in range(0, len(digits), 61))
    return b"{\\rtf1{\\object\\objemb{\\*\\objdata " + broken + b"}}}"


def _tnef_attribute(key: int, content: bytes) -> bytes:
    return struct.pack("<BII", 2, key, len(content)) + content + struct.pack("<H", sum(content) & 0xFFFF)


def _tnef_attachment(name: str, content: bytes) -> bytes:
    begin, title = _tnef_attribute(0x00069002, bytes(14)), _tnef_attribute(0x00018010, name.encode() + b"\0")
    return b"\x78\x9f\x3e\x22\x01\0" + begin + content + title


def tnef(name: str, data: bytes) -> bytes:
    return _tnef_attachment(name, _tnef_attribute(0x0006800F, data))


def tnef_with_mail(name: str, mail: bytes) -> bytes:
    """A TNEF file to which a mail is attached: the mail is a TNEF file, and a property of the attachment (PidTagAttachDataObject)."""
    value = UUID("00020307-0000-0000-c000-000000000046").bytes_le + mail
    method = struct.pack("<HHI", 3, 0x3705, 5)
    told = struct.pack("<HHII", 0x0D, 0x3701, 1, len(value)) + value + bytes(-len(value) % 4)
    return _tnef_attachment(name, _tnef_attribute(0x00069005, struct.pack("<I", 2) + method + told))


# -- images and archives


def iso(name: str, data: bytes) -> bytes:
    """An ISO 9660 image with one file in the root."""

    def record(name: bytes, place: int, size: int, flags: int) -> bytes:
        body = (
            struct.pack("<xI", place)
            + struct.pack(">I", place)
            + struct.pack("<I", size)
            + struct.pack(">I", size)
        )
        body += (
            bytes(7)
            + bytes([flags, 0, 0])
            + struct.pack("<H", 1)
            + struct.pack(">H", 1)
            + bytes([len(name)])
            + name
        )
        body += b"\0" * ((len(body) + 1) % 2)
        return bytes([len(body) + 1]) + body

    root = record(b"\0", 19, BLOCK, 2)
    volume = (
        b"\x01CD001\x01\0" + b" " * 64 + bytes(8) + struct.pack("<I", 30) + struct.pack(">I", 30) + bytes(32)
    )
    volume += (
        (struct.pack("<H", 1) + struct.pack(">H", 1)) * 2
        + struct.pack("<H", BLOCK)
        + struct.pack(">H", BLOCK)
    )
    volume += (
        struct.pack("<I", 10) + struct.pack(">I", 10) + struct.pack("<II", 18, 0) + struct.pack(">II", 18, 0)
    )
    volume = (volume + root).ljust(881, b" ") + b"\x01"
    table = struct.pack("<BBIH", 1, 0, 19, 1) + b"\0\0"
    listing = root + record(b"\x01", 19, BLOCK, 2) + record(name.encode(), 20, len(data), 0)
    blocks = [volume, b"\xffCD001\x01", table, listing, data]
    return bytes(16 * BLOCK) + b"".join(_filled(block, BLOCK) for block in blocks)


def cab(name: str, data: bytes) -> bytes:
    """A cabinet with one file, stored."""
    title = name.encode() + b"\0"
    start = 36 + 8 + 16 + len(title)
    block = struct.pack("<IHH", 0, len(data), len(data)) + data
    head = struct.pack("<4sIIIIIBBHHHHH", b"MSCF", 0, start + len(block), 0, 44, 0, 3, 1, 1, 1, 0, 0, 0)
    return (
        head
        + struct.pack("<IHH", start, 1, 0)
        + struct.pack("<IIHHHH", len(data), 0, 0, 0x21, 0, 32)
        + title
        + block
    )


def rar(name: str, data: bytes) -> bytes:
    """A RAR archive of version 4 with one file, stored."""

    def block(body: bytes) -> bytes:
        return struct.pack("<H", zlib.crc32(body) & 0xFFFF) + body

    title = name.encode()
    entry = struct.pack("<BHH", 0x74, 0x8000, 32 + len(title)) + struct.pack(
        "<IIBIIBBHI", len(data), len(data), 2, zlib.crc32(data), 0x21_0000, 20, 0x30, len(title), 32
    ) + title  # fmt: skip
    return (
        b"Rar!\x1a\x07\0"
        + block(struct.pack("<BHH6x", 0x73, 0, 13))
        + block(entry)
        + data
        + block(b"\x7b\0\x40\x07\0")
    )


def lzh(name: str, data: bytes) -> bytes:
    """An LZH archive with one file, stored."""
    title = name.encode()
    body = (
        b"-lh0-"
        + struct.pack("<IIIBB", len(data), len(data), 0, 0x20, 0)
        + bytes([len(title)])
        + title
        + _crc16(data)
    )
    return bytes([len(body), sum(body) & 0xFF]) + body + data + b"\0"


def _crc16(data: bytes) -> bytes:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return struct.pack("<H", crc)


def cpio(name: str, data: bytes) -> bytes:
    def entry(title: bytes, content: bytes) -> bytes:
        fields = (1, 0o100644, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(title) + 1, 0)
        head = b"070701" + b"".join(b"%08x" % field for field in fields) + title + b"\0"
        return _filled(head, 4) + _filled(content, 4)

    return entry(name.encode(), data) + entry(b"TRAILER!!!", b"")


def ar(members: Mapping[str, bytes]) -> bytes:
    """The archive of a Debian package."""
    packed = b"".join(
        f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode() + _filled(data, 2, b"\n")
        for name, data in members.items()
    )
    return b"!<arch>\n" + packed
