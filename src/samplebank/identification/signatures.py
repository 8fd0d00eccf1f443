"""Magic numbers that leave no doubt, and which of Magika's types agree with them.

Sources: the formats' own specifications; offsets are from the start of the file.
"""

import re
from collections.abc import Iterable

import msgspec


class FileType(msgspec.Struct, frozen=True):
    label: str
    group: str
    mime_type: str
    description: str
    extensions: tuple[str, ...] = ()


class Signature(msgspec.Struct, frozen=True):
    """`agreeing`: types that are special cases of this one, so that Magika may know better."""

    magic: bytes
    file_type: FileType
    agreeing: frozenset[str] = frozenset()
    offset: int = 0


PE = FileType("pebin", "executable", "application/x-dosexec", "PE Windows executable", ("exe", "dll"))
ELF = FileType("elf", "executable", "application/x-executable-elf", "ELF executable", ("elf",))
MACHO = FileType("macho", "executable", "application/x-mach-o", "Mach-O executable")
JAVA_CLASS = FileType("javabytecode", "executable", "application/x-java-applet", "Java bytecode", ("class",))
DEX = FileType("dex", "executable", "application/x-android-dex", "Dalvik dex file", ("dex",))
COM = FileType("com", "executable", "application/x-dosexec", "MS-DOS program", ("com",))
WASM = FileType("wasm", "executable", "application/wasm", "Web Assembly", ("wasm",))
PDF = FileType("pdf", "document", "application/pdf", "PDF document", ("pdf",))
RTF = FileType("rtf", "text", "text/rtf", "Rich Text Format document", ("rtf",))
OLE = FileType("ole", "document", "application/x-ole-storage", "OLE compound file")
TXT = FileType("txt", "text", "text/plain", "Generic text document", ("txt",))
ZIP = FileType("zip", "archive", "application/zip", "Zip archive data", ("zip",))
GZIP = FileType("gzip", "archive", "application/gzip", "gzip compressed data", ("gz",))
SEVENZIP = FileType("sevenzip", "archive", "application/x-7z-compressed", "7-zip archive data", ("7z",))
RAR = FileType("rar", "archive", "application/x-rar", "RAR archive data", ("rar",))
XZ = FileType("xz", "archive", "application/x-xz", "XZ compressed data", ("xz",))
CAB = FileType("cab", "archive", "application/vnd.ms-cab-compressed", "Microsoft Cabinet archive", ("cab",))
PNG = FileType("png", "image", "image/png", "PNG image", ("png",))
JPEG = FileType("jpeg", "image", "image/jpeg", "JPEG image", ("jpg", "jpeg"))
GIF = FileType("gif", "image", "image/gif", "GIF image", ("gif",))
SQLITE = FileType("sqlite", "application", "application/x-sqlite3", "SQLite 3.x database", ("sqlite", "db"))
LNK = FileType("lnk", "application", "application/x-ms-shortcut", "MS Windows shortcut", ("lnk",))
DOCX = FileType(
    "docx",
    "document",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "Microsoft Word 2007+ document",
    ("docx", "docm"),
)
XLSX = FileType(
    "xlsx",
    "document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "Microsoft Excel 2007+ document",
    ("xlsx", "xlsm"),
)
XLSB = FileType(
    "xlsb",
    "document",
    "application/vnd.ms-excel.sheet.binary.macroEnabled.12",
    "Microsoft Excel 2007+ binary document",
    ("xlsb",),
)
PPTX = FileType(
    "pptx",
    "document",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "Microsoft PowerPoint 2007+ document",
    ("pptx", "pptm"),
)
APK = FileType("apk", "executable", "application/vnd.android.package-archive", "Android package", ("apk",))
JAR = FileType("jar", "archive", "application/java-archive", "Java archive data (JAR)", ("jar", "klib"))

ENCRYPTED_OFFICE = FileType(
    "encryptedooxml",
    "document",
    "application/x-ole-storage",
    "Encrypted Microsoft Office 2007+ document",
    ("docx", "xlsx", "pptx"),
)
NE = FileType("nebin", "executable", "application/x-dosexec", "16-bit Windows executable", ("exe", "dll"))
ISO = "iso"


def _plain(label: str, group: str, mime_type: str, description: str, *extensions: str) -> FileType:
    return FileType(label, group, mime_type, description, extensions)


PE_KINDS = frozenset({"dll", "sys", "exe", "ocx", "cpl", "scr", "ax", "rll", "com"})
ZIP_KINDS = frozenset({
    # apk and jar are told by what they contain, which is surer than their bytes
    "crx", "docx", "dotx", "epub", "ipynb", "iosapp", "maff", "msix", "npz", "nupkg", "odp", "ods", "odt",
    "ooxml", "pptx", "pytorch", "visio", "xlsb", "xlsx", "xpi", "3mf", "pages", "hwp", "snap",
})  # fmt: skip
OLE_KINDS = frozenset(
    {"doc", "xls", "ppt", "msi", "mst", "outlook", "visio", "hwp", "thumbsdb", "fpx", "pub"}
)

# Containers, images and sounds whose first bytes Magika does not know, or takes for something else.
OTHER = tuple(
    Signature(magic, _plain(*told), offset=offset)
    for magic, offset, *told in (
        (
            b"\x78\x9f\x3e\x22",
            0,
            "tnef",
            "archive",
            "application/vnd.ms-tnef",
            "Outlook winmail.dat attachment",
            "dat",
        ),
        (
            b"!<arch>\n",
            0,
            "ar",
            "archive",
            "application/x-archive",
            "ar archive or static library",
            "a",
            "deb",
        ),
        (b"070701", 0, "cpio", "archive", "application/x-cpio", "cpio archive", "cpio"),
        (b"070702", 0, "cpio", "archive", "application/x-cpio", "cpio archive", "cpio"),
        (b"070707", 0, "cpio", "archive", "application/x-cpio", "cpio archive", "cpio"),
        (b"\xc7\x71", 0, "cpio", "archive", "application/x-cpio", "cpio archive", "cpio"),
        (b"\x60\xea", 0, "arj", "archive", "application/x-arj", "ARJ archive", "arj"),
        (b"\xdc\xa7\xc4\xfd", 20, "zoo", "archive", "application/x-zoo", "Zoo archive", "zoo"),
        (b"**ACE**", 7, "ace", "archive", "application/x-ace-compressed", "ACE archive", "ace"),
        (b"ustar", 257, "tar", "archive", "application/x-tar", "POSIX tar archive", "tar"),
        (b"MSWIM\0\0\0", 0, "wim", "archive", "application/x-ms-wim", "Windows image", "wim"),
        (b"ALZ\x01", 0, "alz", "archive", "application/x-alz", "ALZ archive", "alz"),
        (b"7kSt", 0, "zpaq", "archive", "application/x-zpaq", "ZPAQ archive", "zpaq"),
        (b"zPQ", 0, "zpaq", "archive", "application/x-zpaq", "ZPAQ archive", "zpaq"),
        (b"\x28\xb5\x2f\xfd", 0, "zst", "archive", "application/zstd", "Zstandard compressed data", "zst"),
        (b"\x5d\0\0", 0, "lzma", "archive", "application/x-lzma", "LZMA compressed data", "lzma"),
        (b"LZIP\x01", 0, "lzip", "archive", "application/lzip", "lzip compressed data", "lz"),
        (b"\x04\x22\x4d\x18", 0, "lz4", "archive", "application/x-lz4", "LZ4 compressed data", "lz4"),
        (b"\x1f\x9d", 0, "compress", "archive", "application/x-compress", "compress'd data", "Z"),
        (b"\x89LZO\0\r\n\x1a\n", 0, "lzop", "archive", "application/x-lzop", "lzop compressed data", "lzo"),
        (b"hsqs", 0, "squashfs", "archive", "application/x-squashfs", "Squashfs filesystem", "squashfs"),
        (b"sqsh", 0, "squashfs", "archive", "application/x-squashfs", "Squashfs filesystem", "squashfs"),
        (b"\x53\xef", 0x438, "ext", "archive", "application/x-ext-image", "ext filesystem", "img"),
        (b"conectix", 0, "vhd", "archive", "application/x-vhd", "Virtual hard disk", "vhd"),
        (b"HdrS", 0x202, "bzimage", "executable", "application/x-linux-kernel", "Linux kernel image"),
        (b"DDS ", 0, "dds", "image", "image/vnd.ms-dds", "DirectDraw surface", "dds"),
        (b"gimp xcf ", 0, "xcf", "image", "image/x-xcf", "GIMP image", "xcf"),
        (b"ftypavif", 4, "avif", "image", "image/avif", "AVIF image", "avif"),
        (b"AIFF", 8, "aiff", "audio", "audio/aiff", "AIFF audio", "aiff"),
        (b"AIFC", 8, "aiff", "audio", "audio/aiff", "AIFF audio", "aifc"),
        (b"DSD ", 0, "dsf", "audio", "audio/x-dsf", "DSD audio", "dsf"),
        (b"FRM8", 0, "dff", "audio", "audio/x-dff", "DSD audio", "dff"),
        (
            b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
            0,
            "asf",
            "audio",
            "video/x-ms-asf",
            "ASF audio or video",
            "wma",
            "wmv",
        ),
        (b"MAC ", 0, "ape", "audio", "audio/x-ape", "Monkey's Audio", "ape"),
        (b"wvpk", 0, "wavpack", "audio", "audio/x-wavpack", "WavPack audio", "wv"),
        (b"\xff\xf1", 0, "aac", "audio", "audio/aac", "AAC audio", "aac"),
        (b"\xff\xf9", 0, "aac", "audio", "audio/aac", "AAC audio", "aac"),
    )
)
#: of these the first bytes are too few to be sure: Magika is asked first, and believed if it is sure of something else
WEAK = frozenset({"arj", "cpio", "lzma", "compress", "aac", "ape", "ext", "bzimage", "dds", "dsf"})
NETPBM = re.compile(rb"P[1-7]\s+(?:#[^\n]*\n\s*)*\d+\s+\d+|P7\s+WIDTH")
NETPBM_TYPE = _plain("netpbm", "image", "image/x-portable-anymap", "Netpbm image", "pnm", "ppm", "pgm", "pbm")
MPEG_TS = _plain("mpegts", "video", "video/mp2t", "MPEG transport stream", "ts")
TS_PACKET, TS_PACKETS = 188, 4
SIGNATURES = (
    Signature(b"\x7fELF", ELF, frozenset({"ko", "so"})),
    Signature(b"\xcf\xfa\xed\xfe", MACHO, frozenset({"dylib"})),
    Signature(b"\xce\xfa\xed\xfe", MACHO, frozenset({"dylib"})),
    Signature(b"\xfe\xed\xfa\xcf", MACHO),
    Signature(b"\xfe\xed\xfa\xce", MACHO),
    Signature(b"dex\n03", DEX),
    Signature(b"\0asm\x01\0\0\0", WASM),
    Signature(b"%PDF-", PDF, frozenset({"ai"})),
    Signature(b"{\\rtf", RTF),
    Signature(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE, OLE_KINDS),
    Signature(b"PK\x03\x04", ZIP, ZIP_KINDS),
    Signature(b"PK\x05\x06", ZIP),
    Signature(b"\x1f\x8b\x08", GZIP),
    Signature(b"7z\xbc\xaf\x27\x1c", SEVENZIP),
    Signature(b"Rar!\x1a\x07", RAR),
    Signature(b"\xfd7zXZ\0", XZ),
    Signature(b"MSCF\0\0\0\0", CAB),
    Signature(b"\x89PNG\r\n\x1a\n", PNG),
    Signature(b"\xff\xd8\xff", JPEG),
    Signature(b"GIF87a", GIF),
    Signature(b"GIF89a", GIF),
    Signature(b"SQLite format 3\0", SQLITE),
    Signature(
        b"X5O!P%@AP[4", COM
    ),  # the EICAR test file, a program of printable letters that Magika takes for a script
    *OTHER,
    Signature(b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F", LNK),
)
PE_SIGNATURE = Signature(b"MZ", PE, PE_KINDS)
PE_HEADER_POINTER = slice(0x3C, 0x40)
FAT_MAGIC, FAT_64_MAGIC = b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf"
#: readers look for the header of a PDF this far, and skip blanks before that of an RTF
PDF_WITHIN = 1024
BLANKS = b" \t\r\n\f\v"
EICAR_START = b"X5O!P%@AP[4"
ISO_PLACES, ISO_MARK = (0x8001, 0x8801, 0x9001), b"CD001"
FEWEST_JAVA_VERSIONS = 45  # a fat Mach-O has a handful of architectures where a class file has its version

# The first entry found names the type.
ZIP_ENTRIES = (
    ("word/document.xml", DOCX),
    ("xl/workbook.xml", XLSX),
    ("xl/workbook.bin", XLSB),
    ("ppt/presentation.xml", PPTX),
    ("AndroidManifest.xml", APK),
    ("META-INF/MANIFEST.MF", JAR),
)


def find_signature(head: bytes) -> Signature | None:
    """Look for an unmistakable magic number in the first few KiB of a file."""
    if head.startswith(FAT_MAGIC) and len(head) >= 8:  # noqa: PLR2004 -- two words
        many = int.from_bytes(head[4:8], "big") & 0xFFFF
        return Signature(FAT_MAGIC, JAVA_CLASS if many >= FEWEST_JAVA_VERSIONS else MACHO)
    if head.startswith(FAT_64_MAGIC):
        return Signature(FAT_64_MAGIC, MACHO)
    if head.startswith(PE_SIGNATURE.magic):
        return _windows(head)
    found = next((known for known in SIGNATURES if head.startswith(known.magic, known.offset)), None)
    return found or _loose(head)


def _windows(head: bytes) -> Signature | None:
    start = int.from_bytes(head[PE_HEADER_POINTER], "little")
    if head[start : start + 4] == b"PE\0\0":
        return PE_SIGNATURE
    return Signature(b"MZ", NE) if head[start : start + 2] == b"NE" else None


def _loose(head: bytes) -> Signature | None:
    """What may stand behind other bytes, or is told by a pattern."""
    text = head.lstrip(BLANKS)
    if text.startswith(b"{\\rtf"):
        return Signature(b"{\\rtf", RTF)
    if text.startswith(EICAR_START) or text.removeprefix(b"\xff\xfe").startswith(_wide(EICAR_START)):
        return Signature(EICAR_START, COM)
    if b"%PDF-" in head[: PDF_WITHIN + 5]:
        return Signature(b"%PDF-", PDF)
    if NETPBM.match(head):
        return Signature(b"P", NETPBM_TYPE)
    packets = head[: TS_PACKET * TS_PACKETS : TS_PACKET]
    return Signature(b"G", MPEG_TS) if packets == b"G" * TS_PACKETS else None


def _wide(text: bytes) -> bytes:
    return text.decode("ascii").encode("utf-16-le")


def find_zip_type(names: Iterable[str]) -> FileType | None:
    """Tell the office documents and packages among ZIP files by their entries."""
    present = {name.lower() for name in names}
    return next((file_type for name, file_type in ZIP_ENTRIES if name.lower() in present), None)
