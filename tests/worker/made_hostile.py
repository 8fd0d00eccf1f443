"""Containers made to harm whoever opens them: entries that share bytes, rings of references, mails in mails."""

import io
import struct
import zlib

import pikepdf

from worker.made_containers import zipped
from worker.made_images import compound, native

PROGRAM = b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0" + bytes(range(256)) * 20

#: where an entry of a compound file names its child and its sibling
CHILD, SIBLING = 76, 72


def overlapping(count: int, size: int) -> bytes:
    """A ZIP file whose entries all point to the same packed bytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(bytes(size)) + packer.flush()
    crc = zlib.crc32(bytes(size))
    fields = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, crc, len(packed), size, 5, 0)
    local = b"PK\x03\x04" + fields + b"a.exe" + packed
    central = (
        b"PK\x01\x02" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + b"a.exe"
    ) * count
    return local + central + b"PK\x05\x06" + struct.pack(
        "<HHHHIIH", 0, 0, count, count, len(central), len(local), 0
    )  # fmt: skip


def broken_method(method: int) -> bytes:
    made = bytearray(zipped({"a.exe": PROGRAM, "b.exe": PROGRAM + b"b"}))
    for mark, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = made.index(mark)
        made[at + place : at + place + 2] = struct.pack("<H", method)
    return bytes(made)


def circular_compound(place: int) -> bytes:
    """A compound file in which a folder is its own child or sibling."""
    made = bytearray(compound({"a/b/\x01Ole10Native": native("A.EXE", PROGRAM), "c": b"x"}))
    for name in ("a", "b"):
        at = made.index(name.encode("utf-16-le") + bytes(60))
        made[at + place : at + place + 4] = struct.pack("<I", 1)
    return bytes(made)


def circular_chain() -> bytes:
    """A compound file in which the sectors of a stream go round."""
    made = bytearray(compound({"\x01Ole10Native": native("A.EXE", PROGRAM)}))
    made[512 + 4 * 3 : 512 + 4 * 4] = struct.pack("<I", 2)
    return bytes(made)


def circular_pdf() -> bytes:
    """A PDF document whose files and pages refer to themselves."""
    target = io.BytesIO()
    with pikepdf.new() as document:
        document.add_blank_page()
        document.attachments["A.EXE"] = PROGRAM
        ring = document.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.Filespec))
        ring.EF, ring.F, ring.Next = ring, ring, ring
        document.Root.Ring = ring
        document.Root.Names.EmbeddedFiles.Kids = pikepdf.Array([document.Root.Names.EmbeddedFiles])
        document.Root.Pages.Parent = document.Root.Pages
        document.save(target)
    return target.getvalue()


def mails_in_mails(depth: int) -> bytes:
    text = b"Subject: bottom\r\nMIME-Version: 1.0\r\n\r\nhello\r\n"
    head = b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n"
    return head * depth + text


def parts_in_parts(depth: int) -> bytes:
    head = b"MIME-Version: 1.0\r\n" + b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level)
        for level in range(depth)
    )
    return head + b"Content-Type: text/plain\r\n\r\nhello\r\n"
