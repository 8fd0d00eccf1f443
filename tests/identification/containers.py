"""The beginnings of containers, images and sounds, as their programs write them, with noise behind."""

import lzma
import struct
from collections.abc import Mapping

from identification.kinds import iso, noise

NOISE = noise(3000)


def at(place: int, mark: bytes, start: bytes = b"") -> bytes:
    return start.ljust(place, b"\0") + mark + NOISE


def arj() -> bytes:
    fields = struct.pack("<8B3IIHHH", 30, 11, 1, 0, 0x10, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0) + b"all.arj\0\0"
    return b"\x60\xea" + struct.pack("<H", len(fields)) + fields + bytes(6) + NOISE


def binary_cpio(order: str) -> bytes:
    header = struct.pack(f"{order}13H", 0o070707, 1, 2, 0o100644, 0, 0, 1, 0, 0, 0, 6, 0, 7)
    return header + b"a.txt\0" + b"content" + NOISE


def aac() -> bytes:
    size = 107
    frame = bytes([0xFF, 0xF1, 0x50, 0x80, size >> 3, (size & 7) << 5 | 0x1F, 0xFC]) + noise(size - 7)
    return frame * 20


def compressed() -> bytes:
    """The output of `compress` for a text without repetitions: each code is a letter."""
    packed = 0
    for place, letter in enumerate(b"the quick brown fox jumps over"):
        packed |= letter << 9 * place
    return b"\x1f\x9d\x90" + packed.to_bytes(64, "little")


def ext() -> bytes:
    block = bytearray(1024)
    struct.pack_into("<II", block, 0, 128, 1024)
    struct.pack_into("<HH", block, 56, 0xEF53, 1)
    return bytes(1024) + bytes(block) + NOISE


def partitioned() -> bytes:
    entry = b"\x80\x01\x01\0\x0c\xfe\xff\xff" + struct.pack("<II", 2048, 100_000)
    return noise(446) + entry + bytes(48) + b"\x55\xaa" + NOISE


def formatted(mark: bytes, place: int) -> bytes:
    sector = bytearray(b"\xeb\x3c\x90mkfs.fat".ljust(512, b"\0"))
    struct.pack_into("<H", sector, 11, 512)
    sector[place : place + 8] = mark
    sector[510:] = b"\x55\xaa"
    return bytes(sector) + NOISE


def brand(*brands: bytes) -> bytes:
    return (
        struct.pack(">I", 8 + 4 * (len(brands) + 1))
        + b"ftyp"
        + brands[0]
        + bytes(4)
        + b"".join(brands[1:])
        + NOISE
    )


FILES: Mapping[str, tuple[tuple[str, str], bytes]] = {
    "tnef": (("archive", "tnef"), b"\x78\x9f\x3e\x22" + NOISE),
    "ar": (("archive", "ar"), b"!<arch>\n" + b"a.o/".ljust(58) + b"`\n" + NOISE),
    "thin ar": (("archive", "ar"), b"!<thin>\n" + b"a.o/".ljust(58) + b"`\n"),
    "deb": (
        ("archive", "deb"),
        b"!<arch>\ndebian-binary   1700000000  0     0     100644  4         `\n2.0\n" + NOISE,
    ),
    "cpio newc": (("archive", "cpio"), b"070701" + b"0" * 104 + b"a\0" + NOISE),
    "cpio with checksums": (("archive", "cpio"), b"070702" + b"0" * 104 + b"a\0" + NOISE),
    "cpio odc": (("archive", "cpio"), b"070707" + b"0" * 70 + b"a\0" + NOISE),
    "cpio little endian": (("archive", "cpio"), binary_cpio("<")),
    "cpio big endian": (("archive", "cpio"), binary_cpio(">")),
    "arj": (("archive", "arj"), arj()),
    "ace": (("archive", "ace"), at(7, b"**ACE**", b"\x12\x34\x31\0\0\0\x90")),
    "zoo": (("archive", "zoo"), at(20, b"\xdc\xa7\xc4\xfd", b"ZOO 2.10 Archive.\x1a")),
    "wim": (("archive", "wim"), b"MSWIM\0\0\0\xd0\0\0\0" + NOISE),
    "alz": (("archive", "alz"), b"ALZ\x01\x0a\0\0\0" + NOISE),
    "zpaq": (("archive", "zpaq"), b"7kSt\xa01\x83\xd3\x8c\xb2\x28\xb0\xd3zPQ\x02\x01" + NOISE),
    "zst": (("archive", "zst"), b"\x28\xb5\x2f\xfd" + NOISE),
    "zst behind a frame to skip": (
        ("archive", "zst"),
        b"\x50\x2a\x4d\x18\x04\0\0\0abcd\x28\xb5\x2f\xfd" + NOISE,
    ),
    "lzma": (("archive", "lzma"), lzma.compress(NOISE, lzma.FORMAT_ALONE)),
    "asar": (("archive", "asar"), b"\4\0\0\0\x28\0\0\0\x24\0\0\0\x20\0\0\0" + b'{"files":{}}' + NOISE),
    "lzip": (("archive", "lzip"), b"LZIP\x01\x0c" + NOISE),
    "lz4": (("archive", "lz4"), b"\x04\x22\x4d\x18\x64\x40" + NOISE),
    "lz4 behind a frame to skip": (
        ("archive", "lz4"),
        b"\x5f\x2a\x4d\x18\x02\0\0\0ab\x04\x22\x4d\x18\x64" + NOISE,
    ),
    "lzop": (("archive", "lzop"), b"\x89LZO\0\r\n\x1a\n" + NOISE),
    "compress": (("archive", "compress"), compressed()),
    "bzip2": (("archive", "bzip"), b"BZh91AY&SY" + NOISE),
    "tar": (("archive", "tar"), at(257, b"ustar\x0000", b"notes.txt")),
    "iso": (("archive", "iso"), iso()),
    "iso of raw sectors": (("archive", "iso"), at(0x9001, b"CD001\x01", b"\0" + b"\xff" * 10)),
    "squashfs": (("archive", "squashfs"), b"hsqs" + NOISE),
    "ext2": (("archive", "ext"), ext()),
    "reiserfs": (("archive", "reiserfs"), at(0x10034, b"ReIsEr2Fs")),
    "fat": (("archive", "fat"), formatted(b"FAT16   ", 54)),
    "ntfs": (("archive", "ntfs"), formatted(b"NTFS    ", 3)),
    "boot sector": (("archive", "bootsector"), partitioned()),
    "kernel": (("executable", "bzimage"), at(0x1FE, b"\x55\xaa\xeb\x66HdrS")),
    "vhd": (("archive", "vhd"), NOISE + b"conectix".ljust(512, b"\0")),
    "aiff": (("audio", "aiff"), b"FORM\0\0\0\x2aAIFFCOMM" + NOISE),
    "dsf": (("audio", "dsf"), b"DSD \x1c\0\0\0\0\0\0\0" + NOISE),
    "dff": (("audio", "dff"), b"FRM8\0\0\0\0\0\0\x10\0DSD FVER" + NOISE),
    "asf": (("audio", "asf"), b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c" + NOISE),
    "ape": (("audio", "ape"), b"MAC \x96\x0f\0\0" + NOISE),
    "wavpack": (("audio", "wavpack"), b"wvpk\x10\x10\0\0\x07\x04" + NOISE),
    "aac": (("audio", "aac"), aac()),
    "mpeg-ts": (("video", "mpegts"), (b"G\x40\0\x10" + noise(184)) * 20),
    "avi": (("video", "avi"), b"RIFF\xff\xff\0\0AVI LIST" + NOISE),
    "xcf": (("image", "xcf"), b"gimp xcf file\0" + NOISE),
    "netpbm": (("image", "netpbm"), b"P6\n8 8\n255\n" + noise(192)),
    "netpbm of letters": (("image", "netpbm"), b"P1\n# made by hand\n4 2\n0 1 1 0\n1 0 0 1\n"),
    "dds": (("image", "dds"), b"DDS |\0\0\0\x07\x10\0\0" + NOISE),
    "avif": (("image", "avif"), brand(b"avif", b"mif1", b"miaf")),
    "heic": (("image", "heif"), brand(b"heic", b"mif1", b"heic")),
}
