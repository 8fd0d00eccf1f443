"""Magic numbers that leave no doubt, and which of Magika's types agree with them.

Sources: the formats' own specifications; offsets are from the start of the file.
"""

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

PE_KINDS = frozenset({"dll", "sys", "exe", "ocx", "cpl", "scr", "ax", "rll", "com"})
ZIP_KINDS = frozenset({
    # apk and jar are told by what they contain, which is surer than their bytes
    "crx", "docx", "dotx", "epub", "ipynb", "iosapp", "maff", "msix", "npz", "nupkg", "odp", "ods", "odt",
    "ooxml", "pptx", "pytorch", "visio", "xlsb", "xlsx", "xpi", "3mf", "pages", "hwp", "snap",
})  # fmt: skip
OLE_KINDS = frozenset(
    {"doc", "xls", "ppt", "msi", "mst", "outlook", "visio", "hwp", "thumbsdb", "fpx", "pub"}
)

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
    Signature(b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F", LNK),
)
PE_SIGNATURE = Signature(b"MZ", PE, PE_KINDS)
PE_HEADER_POINTER = slice(0x3C, 0x40)
FAT_MAGIC = b"\xca\xfe\xba\xbe"
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
    if head.startswith(PE_SIGNATURE.magic):
        start = int.from_bytes(head[PE_HEADER_POINTER], "little")
        return PE_SIGNATURE if head[start : start + 4] == b"PE\0\0" else None
    return next((known for known in SIGNATURES if head.startswith(known.magic, known.offset)), None)


def find_zip_type(names: Iterable[str]) -> FileType | None:
    """Tell the office documents and packages among ZIP files by their entries."""
    present = set(names)
    return next((file_type for name, file_type in ZIP_ENTRIES if name in present), None)
