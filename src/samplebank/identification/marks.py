"""Marks that files of a type must have. A guess without the mark is wrong, however sure the model is."""

from collections.abc import Mapping

COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: Mach-O files with programs for several processors, of 32-bit and of 64-bit offsets; Java classes begin like the first
FAT, FAT_64 = b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf"
SQUASHFS = (b"hsqs", b"sqsh", b"shsq", b"qshs")
#: machines of COFF objects: none, x86, ARM, Itanium, MIPS, PowerPC, RISC-V, x86-64, ARM64
MACHINES = (
    b"\0\0\xff\xff",
    b"\x4c\x01",
    b"\xc0\x01",
    b"\xc4\x01",
    b"\x00\x02",
    b"\x66\x01",
    b"\xf0\x01",
    b"\x64\x86",
    b"\x64\xaa",
    b"\x41\xa6",
    b"\x32\x50",
    b"\x64\x50",
)

#: for each type of Magika: the possible marks, each with its place
NEEDED: Mapping[str, tuple[tuple[int, bytes], ...]] = {
    "pebin": ((0, b"MZ"), (0, b"ZM")),
    "elf": ((0, b"\x7fELF"),),
    "macho": tuple((0, mark) for mark in (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xfe\xed\xfa\xcf", b"\xfe\xed\xfa\xce", FAT, FAT_64)),
    "coff": tuple((0, mark) for mark in MACHINES),
    "dex": ((0, b"dex\n"),),
    "javabytecode": ((0, FAT),),
    "wasm": ((0, b"\0asm"),),
    "swf": ((0, b"FWS"), (0, b"CWS"), (0, b"ZWS")),
    "lnk": ((0, b"L\0\0\0\x01\x14\x02\0"),),
    "iso": tuple((place, b"CD001") for place in (0x8001, 0x8801, 0x9001)),
    "squashfs": tuple((0, mark) for mark in SQUASHFS),
    "zip": ((0, b"PK"),),
    "gzip": ((0, b"\x1f\x8b"),),
    "bzip": ((0, b"BZ"),),
    "xz": ((0, b"\xfd7zXZ"),),
    "sevenzip": ((0, b"7z\xbc\xaf"),),
    "rar": ((0, b"Rar!"), (0, b"RE~^")),
    "cab": ((0, b"MSCF"), (0, b"ISc(")),
    "ace": ((7, b"**ACE**"),),
    "lha": ((2, b"-l"), (2, b"-p")),
    "rpm": ((0, b"\xed\xab\xee\xdb"),),
    "xar": ((0, b"xar!"),),
    "deb": ((0, b"!<arch>"),),
    "chm": ((0, b"ITSF"),),
    "hlp": ((0, b"?_\x03\0"), (0, b"LN\x02\0")),
    "mscompress": ((0, b"SZDD"), (0, b"KWAJ"), (0, b"SZ \x88")),
    "sqlite": ((0, b"SQLite format"),),
    **dict.fromkeys(("doc", "xls", "ppt", "msi", "outlook", "thumbsdb"), ((0, COMPOUND),)),
    "one": ((0, b"\xe4\x52\x5c\x7b"), (0, b"\xa1\x2f\xff\x43")),
    "png": ((0, b"\x89PNG"),),
    "gif": ((0, b"GIF8"),),
    "jpeg": ((0, b"\xff\xd8"),),
    "jp2": ((4, b"jP"), (0, b"\xff\x4f\xff\x51")),
    "tiff": tuple((0, mark) for mark in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    "bmp": ((0, b"BM"),),
    "psd": ((0, b"8BPS"),),
    "ico": ((0, b"\0\0\1\0"), (0, b"\0\0\2\0")),
    "icns": ((0, b"icns"),),
    "webp": ((8, b"WEBP"),),
    "wmf": ((0, b"\xd7\xcd\xc6\x9a"), (0, b"\1\0\x09\0"), (0, b"\2\0\x09\0")),
    "emf": ((40, b" EMF"),),
    "woff": ((0, b"wOFF"),),
    "woff2": ((0, b"wOF2"),),
    "ttf": tuple((0, mark) for mark in (b"\0\1\0\0", b"true", b"ttcf", b"typ1")),
    "otf": ((0, b"OTTO"), (0, b"ttcf")),
    **dict.fromkeys(("mp4", "3gp"), ((4, b"ftyp"),)),
    "qt": tuple((4, mark) for mark in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip", b"pnot")),
    "mp3": ((0, b"ID3"), (0, b"TAG"), (0, b"APETAGEX"), *((0, bytes([0xFF, second])) for second in range(0xE2, 0x100))),
    "wav": ((8, b"WAVE"),),
    "flac": ((0, b"fLaC"), (0, b"ID3")),
    "ogg": ((0, b"OggS"),),
    "midi": ((0, b"MThd"), (8, b"RMID")),
    "flv": ((0, b"FLV"),),
    "mkv": ((0, b"\x1a\x45\xdf\xa3"),),
    "webm": ((0, b"\x1a\x45\xdf\xa3"),),
    "pcap": tuple((0, mark) for mark in (b"\xa1\xb2", b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1", b"\x0a\x0d\x0d\x0a", b"\x34\xcd\xb2\xa1")),
    "parquet": ((0, b"PAR1"), (0, b"PARE")),
    "npy": ((0, b"\x93NUMPY"),),
}  # fmt: skip


def lacks_mark(label: str, head: bytes) -> bool:
    marks = NEEDED.get(label)
    return marks is not None and not any(head.startswith(mark, place) for place, mark in marks)
