"""Formats with a magic number that is too short to be sure. The rest of the header must make sense, too.

Each test looks at 28 bits of evidence at least, so that noise and texts do not pass by chance.
Sources: the specifications of the formats; for cpio, compress and ARJ the manuals of the programs.
"""

import re
import struct
from collections.abc import Callable

from samplebank.identification import file_types as types
from samplebank.identification import marks
from samplebank.identification.file_types import FileType
from samplebank.identification.media import MEDIA

WINDOWS_MARK = b"MZ"
WINDOWS_KINDS = {b"PE\0\0": types.PE, b"NE": types.NE, b"LE\0\0": types.LE, b"LX\0\0": types.LE}
HEADER_POINTER, MZ_HEADER_BYTES = 0x3C, 28
#: bytes in which a PE header is looked for when no pointer leads to the header
LOST_HEADER_WITHIN = 4096
#: pages of 512 bytes: MS-DOS addresses one megabyte
PAGE_BYTES, DOS_PAGES = 512, range(1, 2049)

SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18", re.DOTALL)
ZST_FRAME, LZ4_FRAME = b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"
FRAMES = ((ZST_FRAME, types.ZST), (LZ4_FRAME, types.LZ4))
MOST_FRAMES = 16
LZ4_VERSION = range(0x40, 0x80)
LEAST_DICTIONARY, MOST_LZMA_PROPERTIES, MOST_UNPACKED = 4096, 225, 1 << 48
UNKNOWN_SIZE = (1 << 64) - 1
COMPRESS_BITS, COMPRESS_CODES = range(9, 17), 24
FIRST_BITS, LITERALS = 9, 256

CPIO_NEW = re.compile(rb"07070[12][0-9a-fA-F]{104}")
CPIO_OLD = re.compile(rb"070707[0-7]{70}")
CPIO_BINARY_MARK, CPIO_BINARY_BYTES, MOST_CPIO_NAME = 0o070707, 26, 1024
#: marks of Python 3.7 and later, which rise from release to release; what their flags may be; the start of a code object
PYTHON_MARKS, PYTHON_FLAGS, PYTHON_CODE = range(3390, 4100), frozenset({0, 1, 3}), b"\x63\xe3"
PYTHON_HEADER_BYTES = 16
FILE_KINDS = frozenset({1, 2, 4, 6, 8, 9, 10, 12, 14})
ARJ_MARK, ARJ_LEAST, ARJ_MOST, ARJ_MAIN = b"\x60\xea", 26, 2600, 2
EXT_BLOCK = 0x400
SUPERBLOCK_BYTES = 96
BOOT_MARK, BOOT_PLACE, PARTITIONS, PARTITION_BYTES = b"\x55\xaa", 510, 446, 16
KERNEL_MARK, KERNEL_PLACE = b"HdrS", 0x202
AMIGA_KINDS, AMIGA_ROOT = 8, (880, 1760)


def windows_kind(head: bytes) -> FileType | None:
    """The kind of a file that begins with an MS-DOS header, by the header after the MS-DOS program.

    None where not even the MS-DOS header makes sense.
    """
    start = int.from_bytes(head[HEADER_POINTER : HEADER_POINTER + 4], "little")
    kind = next((kind for mark, kind in WINDOWS_KINDS.items() if head.startswith(mark, start)), None)
    if kind is not None:
        return kind
    if b"PE\0\0" in head[:LOST_HEADER_WITHIN]:
        return types.PE
    if _is_kernel(head):
        return types.BZIMAGE
    return types.MZ if _is_dos_program(head) else None


def _is_dos_program(head: bytes) -> bool:
    if len(head) < MZ_HEADER_BYTES:
        return False
    last_page, pages, relocations, paragraphs, least, most = struct.unpack_from("<6H", head, 2)
    table = int.from_bytes(head[24:26], "little")
    header_bytes = paragraphs * 16
    return (
        last_page <= PAGE_BYTES
        and pages in DOS_PAGES
        and MZ_HEADER_BYTES <= header_bytes <= pages * PAGE_BYTES
        and least <= most
        and (not relocations or table + 4 * relocations <= header_bytes)
    )


def _is_kernel(head: bytes) -> bool:
    return head.startswith(KERNEL_MARK, KERNEL_PLACE) and head.startswith(BOOT_MARK, BOOT_PLACE)


def _is_asar(head: bytes) -> bool:
    return head.startswith(b"\4\0\0\0") and head.startswith(b'{"files":', 16)


def _is_boot_sector(head: bytes) -> bool:
    """Whether the sector has a sane partition table with a used entry, or a jump over the facts of a disk, or a GPT follows."""
    if not head.startswith(BOOT_MARK, BOOT_PLACE):
        return False
    places = range(PARTITIONS, BOOT_PLACE, PARTITION_BYTES)
    entries = [head[place : place + PARTITION_BYTES] for place in places]
    has_partitions = any(any(entry) for entry in entries) and all(
        entry[0] in {0, 0x80} and bool(entry[4]) == any(entry[8:]) for entry in entries
    )
    sector_bytes = int.from_bytes(head[11:13], "little")
    jumps = head[0] in {0xE9, 0xEB} and sector_bytes in {512, 1024, 2048, 4096}
    return has_partitions or jumps or head.startswith(b"EFI PART", PAGE_BYTES)


def _is_ext(head: bytes) -> bool:
    if not head.startswith(b"\x53\xef", EXT_BLOCK + 56):
        return False
    inodes, blocks = struct.unpack_from("<II", head, EXT_BLOCK)
    block_size, state, revision = (
        int.from_bytes(head[place : place + size], "little")
        for place, size in ((EXT_BLOCK + 24, 4), (EXT_BLOCK + 58, 2), (EXT_BLOCK + 76, 4))
    )
    return inodes > 0 and blocks > 0 and block_size <= 6 and state <= 7 and revision <= 1  # noqa: PLR2004 -- as the format bounds them


def _is_squashfs(head: bytes) -> bool:
    return head.startswith(marks.SQUASHFS) and not head[:SUPERBLOCK_BYTES].isascii()


def _is_amiga_disk(head: bytes) -> bool:
    if not head.startswith(b"DOS") or len(head) < 12 or head[3] >= AMIGA_KINDS:  # noqa: PLR2004
        return False
    return int.from_bytes(head[8:12], "big") in {0, *AMIGA_ROOT}


def _framed(head: bytes) -> FileType | None:
    """The type of the first frame after skippable frames, which may stand before frames of two formats."""
    place = 0
    for _ in range(MOST_FRAMES):
        known = next((kind for mark, kind in FRAMES if head.startswith(mark, place)), None)
        if known is not None:
            return known
        if SKIPPABLE.match(head, place) is None:
            return None
        place += 8 + int.from_bytes(head[place + 4 : place + 8], "little")
        if place >= len(head):
            return types.ZST
    return None


def _is_skipping_zst(head: bytes) -> bool:
    return _framed(head) is types.ZST


def _is_lz4(head: bytes) -> bool:
    if _framed(head) is not types.LZ4:
        return False
    return not head.startswith(LZ4_FRAME) or head[4:5] == b"" or head[4] in LZ4_VERSION


def _is_lzip(head: bytes) -> bool:
    return head.startswith(b"LZIP") and len(head) > 5 and head[4] <= 1 and 12 <= head[5] & 0x1F <= 29  # noqa: PLR2004


def _is_lzma(head: bytes) -> bool:
    """Whether the header makes sense.

    A header has properties, a dictionary of 2^n or 2^n + 2^(n-1) bytes, and a possible size. Every stream begins with a zero.
    """
    if len(head) < 14 or head[0] >= MOST_LZMA_PROPERTIES or head[13] != 0:  # noqa: PLR2004
        return False
    dictionary, unpacked = struct.unpack_from("<IQ", head, 1)
    bits = dictionary.bit_count()
    is_usual = bits == 1 or (bits == 2 and dictionary & dictionary >> 1)  # noqa: PLR2004
    return (
        dictionary >= LEAST_DICTIONARY
        and bool(is_usual)
        and (unpacked == UNKNOWN_SIZE or 0 < unpacked < MOST_UNPACKED)
    )


def _is_compressed(head: bytes) -> bool:
    """Whether the first codes make sense: each code has nine bits, and names a string that is known by then."""
    if not head.startswith(b"\x1f\x9d") or len(head) < 8 or head[2] & 0x7F not in COMPRESS_BITS:  # noqa: PLR2004
        return False
    packed = int.from_bytes(head[3 : 3 + COMPRESS_CODES * FIRST_BITS // 8], "little")
    many = min(COMPRESS_CODES, (len(head) - 3) * 8 // FIRST_BITS)
    codes = [packed >> FIRST_BITS * n & 0x1FF for n in range(many)]
    return codes[0] < LITERALS and all(code <= LITERALS + n for n, code in enumerate(codes))


def _is_binary_cpio(head: bytes) -> bool:
    for order in "<>":
        if len(head) < CPIO_BINARY_BYTES:
            return False
        fields = struct.unpack_from(f"{order}13H", head)
        name_bytes = fields[10]
        if fields[0] != CPIO_BINARY_MARK or not 1 < name_bytes <= MOST_CPIO_NAME:
            continue
        name = head[CPIO_BINARY_BYTES : CPIO_BINARY_BYTES + name_bytes]
        if name.find(b"\0") == name_bytes - 1 and (fields[3] >> 12 in FILE_KINDS or name == b"TRAILER!!!\0"):
            return True
    return False


def _is_cpio(head: bytes) -> bool:
    return bool(CPIO_NEW.match(head) or CPIO_OLD.match(head)) or _is_binary_cpio(head)


def _is_arj(head: bytes) -> bool:
    if not head.startswith(ARJ_MARK) or len(head) < ARJ_LEAST:
        return False
    size, first = int.from_bytes(head[2:4], "little"), head[4]
    return ARJ_LEAST <= first < size <= ARJ_MOST and head[10] == ARJ_MAIN and head[6] <= head[5]


def _is_python_bytecode(head: bytes) -> bool:
    if len(head) <= PYTHON_HEADER_BYTES or head[2:4] != b"\r\n":
        return False
    mark, flags = (int.from_bytes(head[start:end], "little") for start, end in ((0, 2), (4, 8)))
    return mark in PYTHON_MARKS and flags in PYTHON_FLAGS and head[PYTHON_HEADER_BYTES] in PYTHON_CODE


def _is_bzip(head: bytes) -> bool:
    return head.startswith(b"BZh") and head[4:10] in {b"1AY&SY", b"\x17rE8P\x90"}


SHAPES: tuple[tuple[Callable[[bytes], bool], FileType], ...] = (
    (_is_python_bytecode, types.PYTHON_BYTECODE),
    (_is_asar, types.ASAR),
    (_is_cpio, types.CPIO),
    (_is_arj, types.ARJ),
    (_is_skipping_zst, types.ZST),
    (_is_lz4, types.LZ4),
    (_is_lzip, types.LZIP),
    (_is_lzma, types.LZMA),
    (_is_bzip, types.BZIP),
    (_is_compressed, types.COMPRESS),
    (_is_squashfs, types.SQUASHFS),
    *MEDIA,
    (_is_kernel, types.BZIMAGE),
    (_is_ext, types.EXT),
    (_is_amiga_disk, types.ADF),
    (_is_boot_sector, types.BOOT_SECTOR),
)
