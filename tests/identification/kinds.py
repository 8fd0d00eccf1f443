"""Small real files of many kinds, made on the spot."""

import gzip
import io
import lzma
import random
import struct
import zipfile
import zlib

JAVA_CLASS = b"\xca\xfe\xba\xbe\0\0\0\x34" + bytes(200)
PYTHON_BYTECODE = b"\xa7\r\r\n" + bytes(4) + b"\x5f\x2a\x01\x66\x40\x02\0\0" + b"\xe3" + bytes(200)
FAT_MACHO = b"\xca\xfe\xba\xbe\0\0\0\x02" + bytes(200)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


def noise(size: int) -> bytes:
    """The same bytes in every run, so that a file is taken for the same in every run."""
    return random.Random(size).randbytes(size)  # noqa: S311 nothing here is a secret


def pdf() -> bytes:
    return (
        b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n<< /Type /Pages /Kids [] /Count 0 >>\n"
        b"endobj\nxref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 3 /Root 1 0 R >>\nstartxref\n108\n%%EOF\n"
    )


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + noise(16 * 3) for _ in range(16))
    header = struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def elf(machine: int = 62, os_abi: int = 0, address: int = 0x400000, rights: int = 5) -> bytes:
    """Make a 64-bit executable (for x86-64, unless told otherwise) of one segment of noise."""
    header = b"\x7fELF\x02\x01\x01" + bytes([os_abi]) + bytes(8)
    header += struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, address + 0x78, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    program = struct.pack("<IIQQQQQQ", 1, rights, 0, address, address, 6000, 6000, 0x1000)
    return header + program + noise(5880)


def with_sentence(program: bytes) -> bytes:
    """The same Windows program, with the sentence that linkers put between its two headers."""
    sentence = b"This program cannot be run in DOS mode.\r\r\n$".ljust(64, b"\0")
    return program[:60] + struct.pack("<I", 128) + sentence + program[64:]


def elf_32(machine: int, address: int, loaded_from: int | None = None) -> bytes:
    """As `elf`, of 32 bits."""
    header = b"\x7fELF\x01\x01\x01" + bytes(9)
    header += struct.pack("<HHIIIIIHHHHHH", 2, machine, 1, address + 0x54, 52, 0, 0, 52, 32, 1, 40, 0, 0)
    physical = address if loaded_from is None else loaded_from
    program = struct.pack("<IIIIIIII", 1, 0, address, physical, 6000, 6000, 5, 0x1000)
    return header + program + noise(5916)


def pe(machine: int = 0x8664, subsystem: int = 3, characteristics: int = 0x22) -> bytes:
    """Make a 64-bit Windows program of one code section."""
    dos = b"MZ" + bytes(58) + struct.pack("<I", 64)
    file_header = struct.pack("<HHIIIHH", machine, 1, 0x5F000000, 0, 0, 240, characteristics)
    optional = struct.pack("<HBBIIIII", 0x20B, 14, 0, 512, 0, 0, 0x1000, 0x1000)
    optional += struct.pack(
        "<QIIHHHHHHIIIIHH", 0x140000000, 0x1000, 512, 6, 0, 0, 0, 6, 0, 0, 0x2000, 512, 0, subsystem, 0
    )
    optional += struct.pack("<QQQQII", 0x100000, 0x1000, 0x100000, 0x1000, 0, 16) + bytes(128)
    section = struct.pack("<8sIIIIIIHHI", b".text", 512, 0x1000, 512, 512, 0, 0, 0, 0, 0x60000020)
    headers = dos + b"PE\0\0" + file_header + optional + section
    return headers.ljust(512, b"\0") + b"\xc3".ljust(512, b"\xcc")


def macho(*sections: tuple[bytes, int, bytes]) -> bytes:
    """Make a 64-bit program for arm64 of one executable segment; sections have a name, attributes and a content."""
    size = 72 + 80 * len(sections)
    start = 32 + size
    body, described = b"", b""
    for name, attributes, content in sections:
        place = start + len(body)
        described += struct.pack(
            "<16s16sQQIIIIIIII", name, b"__TEXT", place, len(content), place, 0, 0, 0, attributes, 0, 0, 0
        )
        body += content
    total = start + len(body)
    segment = struct.pack("<II16sQQQQiiII", 0x19, size, b"__TEXT", 0, total, 0, total, 5, 5, len(sections), 0)
    commands = segment + described if sections else b""
    header = struct.pack("<IiiIIIII", 0xFEEDFACF, 0x0100000C, 0, 2, bool(sections), len(commands), 0, 0)
    return header + commands + body + bytes(512)


def fat_macho(*programs: bytes, wide: bool) -> bytes:
    """A file of several programs, with offsets of 64 or of 32 bits."""
    header = struct.pack(">II", 0xCAFEBABF if wide else 0xCAFEBABE, len(programs))
    place, body = 4096, b""
    for program in programs:
        header += struct.pack(
            ">IIQQII" if wide else ">IIIII", 0x0100000C, 0, place + len(body), len(program), 12, *([0] * wide)
        )
        body += program.ljust(4096, b"\0")
    return header.ljust(place, b"\0") + body


def zipped(*names: str, content: bytes = noise(600)) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names:
            archive.writestr(name, content)
    return made.getvalue()


def bad_offsets(archive: bytes) -> bytes:
    """The same archive, whose directory says to be elsewhere, and its entries, too."""
    changed = bytearray(archive)
    for mark, place in ((b"PK\x01\x02", 42), (b"PK\x05\x06", 16)):
        start = changed.index(mark) + place
        changed[start : start + 4] = b"\xf0\xff\xff\x7f"
    return bytes(changed)


def gzipped() -> bytes:
    return gzip.compress(noise(600))


def xz() -> bytes:
    return lzma.compress(noise(600))


def odd_apk() -> bytes:
    """A package whose directory has an extra field with too great a length. Android accepts the package."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in ("AndroidManifest.xml", "classes.dex"):
            entry = zipfile.ZipInfo(name)
            entry.extra = b"\x01\x00\x00\x00"
            archive.writestr(entry, noise(200))
    return content.getvalue().replace(b"\x01\x00\x00\x00PK", b"\x01\x00\xff\x00PK")


def encrypted_workbook() -> bytes:
    """A workbook with a password, as Office writes it: a compound file with one encrypted stream."""
    names = b"".join(
        name.encode("utf-16-le").ljust(128, b"\0") for name in ("EncryptionInfo", "EncryptedPackage")
    )
    return bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504) + names + bytes(1024)


def iso() -> bytes:
    """An image with a volume descriptor, which names the volume."""
    descriptor = b"\x01CD001\x01\0" + b"LINUX".ljust(32) + b"VOLUME".ljust(32)
    return bytes(0x8000) + descriptor.ljust(2048, b"\0") + b"\xffCD001\x01".ljust(2048, b"\0") + noise(4096)
