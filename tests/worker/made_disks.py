"""Disk images and packages with one file, written by the specifications of their formats, without packing."""

import binascii
import gzip
import struct
import uuid
import zlib

from worker.made_images import cab, compound, cpio

SECTOR = 512


def fat(name: str, data: bytes) -> bytes:
    """A floppy disk (FAT12): boot sector, two tables, the root folder, the file."""
    boot = bytearray(SECTOR)
    boot[:11] = b"\xeb\x3c\x90MSDOS5.0"
    struct.pack_into("<HBHBHHBHHHII", boot, 11, SECTOR, 1, 1, 2, 224, 2880, 0xF0, 9, 18, 2, 0, 0)
    struct.pack_into("<BBBI11s8s", boot, 36, 0, 0, 0x29, 1, b"DISK       ", b"FAT12   ")
    boot[510:] = b"\x55\xaa"
    count = -(-len(data) // SECTOR)
    chain = [0xFF0, 0xFFF, *range(3, 2 + count), 0xFFF]
    chain += [0] * (len(chain) % 2)
    table = b"".join(
        (low | high << 12).to_bytes(3, "little") for low, high in zip(chain[::2], chain[1::2], strict=True)
    ).ljust(9 * SECTOR, b"\0")
    stem, _, ending = name.partition(".")
    entry = struct.pack("<8s3sB14xHI", stem.encode().ljust(8), ending.encode().ljust(3), 0x20, 2, len(data))
    return (bytes(boot) + table * 2 + entry.ljust(14 * SECTOR, b"\0") + data).ljust(2880 * SECTOR, b"\0")


def gpt(name: str, data: bytes) -> bytes:
    """A disk with a GUID partition table, whose one partition is a floppy disk. The boot record protects the whole disk."""
    disk = fat(name, data)
    first, last = 34, 33 + len(disk) // SECTOR
    boot = bytes(446) + struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff" * 3, 1, last + 33)
    kind = uuid.UUID("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7").bytes_le
    entry = struct.pack("<16s16sQQQ72s", kind, bytes(range(16)), first, last, 0, "data".encode("utf-16-le"))
    entries = entry.ljust(128 * 128, b"\0")
    fields = (1, last + 33, first, last, bytes(range(16)), 2, 128, 128, zlib.crc32(entries))
    head = b"EFI PART" + struct.pack("<III", 0x10000, 92, 0) + struct.pack("<IQQQQ16sQIII", 0, *fields)
    head = head[:16] + struct.pack("<I", zlib.crc32(head)) + head[20:]
    table = head.ljust(SECTOR, b"\0") + entries
    return boot.ljust(510, b"\0") + b"\x55\xaa" + table + disk + entries + head.ljust(SECTOR, b"\0")


def vhd(name: str, data: bytes) -> bytes:
    """A disk of Hyper-V of a fixed size."""
    disk = fat(name, data)
    footer = bytearray(SECTOR)
    struct.pack_into(
        ">8sIIQI4sI4sQQHBBI", footer, 0, b"conectix", 2, 0x10000, (1 << 64) - 1, 0, b"test", 1, b"Wi2k",
        len(disk), len(disk), 80, 2, 18, 2,
    )  # fmt: skip
    struct.pack_into(">I", footer, 64, ~sum(footer) & 0xFFFFFFFF)
    return disk + bytes(footer)


def arj(name: str, data: bytes) -> bytes:
    def header(kind: int, method: int, title: str, size: int, crc: int) -> bytes:
        fixed = struct.pack(
            "<BBBBBBBBIIIIHHH", 30, 11, 1, 0, 0, method, kind, 0, 0x21_0000, size, size, crc, 0, 0x20, 0
        )
        body = fixed + title.encode() + b"\0\0"
        return b"\x60\xea" + struct.pack("<H", len(body)) + body + struct.pack("<IH", zlib.crc32(body), 0)

    main, entry = header(2, 2, "x.arj", 0, 0), header(0, 0, name, len(data), zlib.crc32(data))
    return main + entry + data + b"\x60\xea\0\0"


def rpm(name: str, data: bytes) -> bytes:
    lead = struct.pack(">4sBBHH66sHH16x", b"\xed\xab\xee\xdb", 3, 0, 0, 1, b"x-1", 1, 5)
    header = (
        struct.pack(">4s4xII", b"\x8e\xad\xe8\x01", 1, 4) + struct.pack(">IIII", 1000, 6, 0, 1) + b"x\0\0\0"
    )
    return lead + header.ljust(40, b"\0") + header + gzip.compress(cpio(name, data))


def installer(name: str, data: bytes) -> bytes:
    """An installer of Windows (MSI) with a cabinet."""
    made = compound({"files.cab": cab(name, data)})
    place = made.index("Root Entry".encode("utf-16-le"))
    clsid = bytes.fromhex("84100c0000000000c000000000000046")
    return made[: place + 80] + clsid + made[place + 96 :]


def szdd(_: str, data: bytes) -> bytes:
    """A file of the old `compress` of Windows, all letters."""
    parts = b"".join(b"\xff" + data[at : at + 8] for at in range(0, len(data), 8))
    return b"SZDD\x88\xf0\x27\x33A\0" + struct.pack("<I", len(data)) + parts


def zst(_: str, data: bytes) -> bytes:
    """A frame of Zstandard with one raw block."""
    return (
        b"\x28\xb5\x2f\xfd\xa0"
        + struct.pack("<I", len(data))
        + (1 | len(data) << 3).to_bytes(3, "little")
        + data
    )


def xar(name: str, data: bytes) -> bytes:
    toc = (
        f'<?xml version="1.0" encoding="UTF-8"?><xar><toc><file id="1"><name>{name}</name><type>file</type><data>'
        f"<length>{len(data)}</length><offset>0</offset><size>{len(data)}</size>"
        '<encoding style="application/octet-stream"/></data></file></toc></xar>'
    ).encode()
    packed = zlib.compress(toc)
    return struct.pack(">4sHHQQI", b"xar!", 28, 1, len(packed), len(toc), 0) + packed + data


def squashfs(name: str, data: bytes) -> bytes:
    """An image of version 4 with one file in the root."""
    block = 1 << 17
    sizes = [len(data[at : at + block]) | 1 << 24 for at in range(0, len(data), block)]
    file = struct.pack("<HHHHIIIIII", 2, 0o644, 0, 0, 0, 1, 96, 0xFFFFFFFF, 0, len(data))
    file += struct.pack(f"<{len(sizes)}I", *sizes)
    listing = struct.pack("<III", 0, 0, 1) + struct.pack("<HhHH", 0, 0, 2, len(name) - 1) + name.encode()
    folder = struct.pack("<HHHHIIIIHHI", 1, 0o755, 0, 0, 0, 2, 0, 2, len(listing) + 3, 0, 3)

    def metadata(content: bytes) -> bytes:
        return struct.pack("<H", len(content) | 0x8000) + content

    inodes = 96 + len(data)
    folders = inodes + len(metadata(file + folder))
    ids = folders + len(metadata(listing))
    table = ids + len(metadata(bytes(4)))
    nothing = (1 << 64) - 1
    head = struct.pack(
        "<4sIIIIHHHHHHQQQQQQQQ", b"hsqs", 2, 0, block, 0, 1, 17, 0x21B, 1, 4, 0, len(file), table + 8, table, nothing,
        inodes, folders, ids, nothing,
    )  # fmt: skip
    return (
        head
        + data
        + metadata(file + folder)
        + metadata(listing)
        + metadata(bytes(4))
        + struct.pack("<Q", ids)
    )


def udf(name: str, data: bytes) -> bytes:
    """An image of UDF 1.02 with one file in the root, which is no ISO 9660 image besides."""
    sector, partition = 2048, 300

    def described(kind: int, body: bytes, place: int) -> bytes:
        tag = struct.pack("<HHBBHHHI", kind, 2, 0, 0, 1, binascii.crc_hqx(body, 0), len(body), place)
        return tag[:4] + bytes([sum(tag) & 0xFF]) + tag[5:] + body

    def reference(place: int) -> bytes:
        return struct.pack("<IIH6x", sector, place, 0)

    def entry(kind: int, size: int, flags: int, content: bytes, place: int) -> bytes:
        body = struct.pack("<IHHHxB6xH", 0, 4, 0, 1, kind, flags) + struct.pack(
            "<IIIHBBIQQ", 0, 0, 0, 1, 0, 0, 0, size, 1
        )
        return described(261, body + bytes(96) + struct.pack("<II", 0, len(content)) + content, place)

    title = b"\x08" + name.encode()
    above = struct.pack("<HBB", 1, 10, 0) + reference(1) + bytes(4)
    file = struct.pack("<HBB", 1, 0, len(title)) + reference(2) + bytes(2) + title
    names = described(257, above, 1) + described(257, file + bytes(-(38 + len(title)) % 4), 1)
    extent = struct.pack("<II", len(data), 3)
    part = struct.pack("<IHHB5s26x128xIII", 0, 0, 0, 0, b"+NSR0", 1, partition, 100)
    volume = struct.pack("<I64x128xI32x", 0, sector) + reference(0) + struct.pack("<II", 6, 1) + bytes(168)
    volume += struct.pack("<BBHH", 1, 6, 1, 0)
    sectors = {
        **{16 + at: b"\0" + mark + b"\1" for at, mark in enumerate((b"BEA01", b"NSR02", b"TEA01"))},
        32: described(5, part, 32),
        33: described(6, volume, 33),
        34: described(8, b"", 34),
        256: described(2, struct.pack("<IIII", 16 * sector, 32, 16 * sector, 32), 256),
        partition: described(256, bytes(384) + reference(1), 0),
        partition + 1: entry(4, len(names), 3, names, 1),
        partition + 2: entry(5, len(data), 0, extent, 2),
        partition + 3: data,
    }
    image = bytearray((partition + 3) * sector + len(data) + -len(data) % sector)
    for place, content in sectors.items():
        image[place * sector : place * sector + len(content)] = content
    return bytes(image)
