"""Magic numbers that leave no doubt, and the types of Magika that agree with each magic number.

Offsets count from the start of the file. Magic numbers that are too short to be sure are in `shapes`.
Sources: the specifications of the formats.
"""

import re
from collections.abc import Iterable

import msgspec

from samplebank.identification import file_types as types
from samplebank.identification import marks
from samplebank.identification.file_types import FileType
from samplebank.identification.shapes import SHAPES, WINDOWS_MARK, windows_kind
from samplebank.identification.texts import is_written


class Signature(msgspec.Struct, frozen=True):
    """`agreeing` holds special cases of `file_type`: for a guess among the special cases, Magika knows better."""

    magic: bytes
    file_type: FileType
    agreeing: frozenset[str] = frozenset()
    offset: int = 0


PE_KINDS = frozenset({"dll", "sys", "exe", "ocx", "cpl", "scr", "ax", "rll", "com"})
ZIP_KINDS = frozenset({
    # not apk and jar: the entries tell both types more surely than Magika's guess
    "crx", "docx", "dotx", "epub", "ipynb", "iosapp", "maff", "msix", "npz", "nupkg", "odp", "ods", "odt",
    "ooxml", "pptx", "pytorch", "visio", "xlsb", "xlsx", "xpi", "3mf", "pages", "hwp", "snap",
})  # fmt: skip
OLE_KINDS = frozenset(
    {"doc", "xls", "ppt", "msi", "mst", "outlook", "visio", "hwp", "thumbsdb", "fpx", "pub"}
)

# Of two magic numbers that begin alike, the longer one stands first.
SIGNATURES = (
    Signature(b"\x7fELF", types.ELF, frozenset({"ko", "so"})),
    Signature(b"\xcf\xfa\xed\xfe", types.MACHO, frozenset({"dylib"})),
    Signature(b"\xce\xfa\xed\xfe", types.MACHO, frozenset({"dylib"})),
    Signature(b"\xfe\xed\xfa\xcf", types.MACHO),
    Signature(b"\xfe\xed\xfa\xce", types.MACHO),
    Signature(b"dex\n03", types.DEX),
    Signature(b"dex\n04", types.DEX),  # versions 040 and 041
    Signature(b"\0asm\x01\0\0\0", types.WASM),
    Signature(b"%PDF-", types.PDF, frozenset({"ai"})),
    Signature(b"{\\rtf", types.RTF),
    Signature(marks.COMPOUND, types.OLE, OLE_KINDS),
    Signature(b"PK\x03\x04", types.ZIP, ZIP_KINDS),
    Signature(b"PK\x05\x06", types.ZIP),
    Signature(b"\x1f\x8b\x08", types.GZIP),
    Signature(b"7z\xbc\xaf\x27\x1c", types.SEVENZIP),
    Signature(b"Rar!\x1a\x07", types.RAR),
    Signature(b"\xfd7zXZ\0", types.XZ),
    Signature(b"MSCF\0\0\0\0", types.CAB),
    Signature(b"\x89PNG\r\n\x1a\n", types.PNG),
    Signature(b"\xff\xd8\xff", types.JPEG),
    Signature(b"GIF87a", types.GIF),
    Signature(b"GIF89a", types.GIF),
    Signature(b"SQLite format 3\0", types.SQLITE),
    Signature(b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F", types.LNK),
    # a program of printable letters, which Magika takes for a script
    Signature(b"X5O!P%@AP[4", types.COM),
    Signature(b"\x78\x9f\x3e\x22", types.TNEF),
    Signature(b"!<arch>\ndebian-binary", types.DEB),
    Signature(b"!<arch>\n", types.AR),
    Signature(b"!<thin>\n", types.AR),
    Signature(b"<bigaf>\n", types.AR),
    Signature(b"**ACE**", types.ACE, offset=7),
    Signature(b"\xdc\xa7\xc4\xfd", types.ZOO, offset=20),
    Signature(b"MSWIM\0\0\0", types.WIM),
    Signature(b"WLPWM\0\0\0", types.WIM),
    Signature(b"ALZ\x01", types.ALZ),
    Signature(b"EGGA\0\x01", types.EGG),
    Signature(b"7kSt\xa01\x83\xd3", types.ZPAQ),
    Signature(b"zPQ\x01", types.ZPAQ),
    Signature(b"zPQ\x02", types.ZPAQ),
    Signature(b"StuffIt (c)", types.STUFFIT),
    Signature(b"rLau", types.STUFFIT, offset=10),
    Signature(b"xar!\0", types.XAR),
    Signature(b"\xed\xab\xee\xdb", types.RPM),
    Signature(b"SZDD\x88\xf0\x27\x33", types.MSCOMPRESS),
    Signature(b"KWAJ\x88\xf0\x27\xd1", types.MSCOMPRESS),
    Signature(b"ITSF\x03\0\0\0", types.CHM),
    Signature(b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", types.ONE),
    Signature(b"!BDN", types.PST),
    Signature(b"\x28\xb5\x2f\xfd", types.ZST),
    Signature(b"\x89LZO\0\r\n\x1a\n", types.LZOP),
    Signature(b"LRZI\0", types.LRZIP),
    Signature(b"\xff\x06\0\0sNaPpY", types.SNAPPY),
    Signature(b"\x02\x21\x4c\x18", types.LZ4),
    Signature(b"\x27\x05\x19\x56", types.UIMAGE),
    Signature(b"\xd0\x0d\xfe\xed", types.DTB),
    Signature(b"ANDROID!", types.BZIMAGE),
    Signature(b"ARM\x64", types.BZIMAGE, offset=56),
    Signature(b"\x18\x28\x6f\x01", types.BZIMAGE, offset=36),
    Signature(b"conectix", types.VHD),
    Signature(b"vhdxfile", types.VHDX),
    Signature(b"KDMV\x01\0\0\0", types.VMDK),
    Signature(b"KDMV\x03\0\0\0", types.VMDK),
    Signature(b"# Disk DescriptorFile", types.VMDK),
    Signature(b"\x7f\x10\xda\xbe", types.VDI, offset=64),
    Signature(b"QFI\xfb", types.QCOW),
    Signature(b"gimp xcf ", types.XCF),
    Signature(b" EMF", types.EMF, offset=40),
    Signature(b"DDS |\0\0\0", types.DDS),
    Signature(b"\0\0\0\x0cJXL \r\n\x87\n", types.JXL),
    Signature(b"qoif\0", types.QOI),
    Signature(b"\x76\x2f\x31\x01", types.EXR),
    Signature(b"DSD \x1c\0\0\0", types.DSF),
    Signature(b"DSD ", types.DFF, offset=12),
    Signature(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", types.ASF),
    Signature(b"\0\0\x01\xba", types.MPEG_PS),
    Signature(b"\x45\x3d\xcd\x28", types.CRAMFS),
    Signature(b"-rom1fs-", types.ROMFS),
    # Filesystems and disks stand last: a boot sector may hold anything before the mark.
    *(Signature(b"CD001", types.ISO, offset=place) for place in (0x8001, 0x8801, 0x9001)),
    Signature(b"XFSB\0\0", types.XFS),
    Signature(b"\x10\x20\xf5\xf2", types.F2FS, offset=0x400),
    Signature(b"_BHRfS_M", types.BTRFS, offset=0x10040),
    *(Signature(mark, types.REISERFS, offset=0x10034) for mark in (b"ReIsErFs", b"ReIsEr2Fs", b"ReIsEr3Fs")),
    *(Signature(mark, types.REISERFS, offset=0x2034) for mark in (b"ReIsErFs", b"ReIsEr2Fs")),
    Signature(b"NTFS    ", types.NTFS, offset=3),
    Signature(b"EXFAT   ", types.FAT, offset=3),
    *(Signature(mark, types.FAT, offset=54) for mark in (b"FAT12   ", b"FAT16   ")),
    Signature(b"FAT32   ", types.FAT, offset=82),
    Signature(b"ustar", types.TAR, offset=257),
)
#: kinds of files that never begin as a text does, and the types among these that may
NEVER_WRITTEN = frozenset({"archive", "image", "audio", "video", "application"})
MAY_BE_WRITTEN = frozenset({types.AR, types.NETPBM, types.VMDK})
#: magic numbers of disk images near the end of the file: bytes before the end, magic number, type
TAILS = ((512, b"conectix\0\0\0", types.VHD), (512, b"koly\0\0\0\x04", types.DMG))
#: how a disk image may begin that is told by its end: with the sectors of a disk, or with packed sectors
STARTS_OF_DISKS = frozenset(
    {
        types.BOOT_SECTOR,
        types.FAT,
        types.NTFS,
        types.EXT,
        types.ISO,
        types.VHD,
        types.BZIP,
        types.LZMA,
        types.XZ,
    }
)
#: readers look for the header of a PDF in so many first bytes, and skip blanks before the header of an RTF
PDF_WITHIN = 1024
LATE_PDF, PDF_OBJECT = (
    re.compile(rb"%PDF-\d\.\d\s{0,10}[\r\n]"),
    re.compile(rb"\b\d{1,10}\s{1,10}\d{1,5}\s{1,10}obj\b"),
)
BLANKS = b" \t\r\n\f\v\0"
EICAR_START = b"X5O!P%@AP[4"
MARKS_OF_TEXT = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
MARKED_WITHIN = 256
FEWEST_JAVA_VERSIONS = 45  # in the place of the version, a fat Mach-O counts a few architectures

# The first of these entries tells the type. Later entries may belong to an archive inside.
ZIP_ENTRIES = {
    "word/document.xml": types.DOCX,
    "xl/workbook.xml": types.XLSX,
    "xl/workbook.bin": types.XLSB,
    "ppt/presentation.xml": types.PPTX,
    "androidmanifest.xml": types.APK,
}
JAR_ENTRY = "meta-inf/manifest.mf"
#: the first entry of an OpenDocument file holds the MIME type, not compressed
MIME_WITHIN = 200
MIME_TYPE = b"application/vnd.oasis.opendocument."
OPEN_DOCUMENTS = (
    (b"text", types.ODT),
    (b"spreadsheet", types.ODS),
    (b"presentation", types.ODP),
    (b"graphics", types.ODG),
    (b"base", types.ODB),
    (b"database", types.ODB),
    (b"formula", types.ODF),
)
OFFICE_PARTS = "[content_types].xml"
#: folders of office documents: the folder tells the type when the first part has an unusual name
ZIP_FOLDERS = (("word/", types.DOCX), ("xl/", types.XLSX), ("ppt/", types.PPTX))


def find_signature(head: bytes) -> Signature | None:
    """Look for an unmistakable magic number, or the shape of a header, in the first 72 KiB of a file."""
    if head.startswith(marks.FAT) and len(head) >= 8:  # noqa: PLR2004 -- two words
        many = int.from_bytes(head[4:8], "big") & 0xFFFF
        return Signature(marks.FAT, types.JAVA_CLASS if many >= FEWEST_JAVA_VERSIONS else types.MACHO)
    if head.startswith(marks.FAT_64):
        return Signature(marks.FAT_64, types.MACHO)
    if head.startswith(WINDOWS_MARK) and (kind := windows_kind(head)) is not None:
        return Signature(WINDOWS_MARK, kind, PE_KINDS if kind is types.PE else frozenset())
    is_text = is_written(head)
    marked = (known for known in SIGNATURES if head.startswith(known.magic, known.offset))
    found = next((known for known in marked if not (is_text and _is_never_written(known.file_type))), None)
    return found or _loose(head, is_text=is_text)


def _is_never_written(kind: FileType) -> bool:
    return (kind.group in NEVER_WRITTEN or kind is types.BZIMAGE) and kind not in MAY_BE_WRITTEN


def known_types() -> frozenset[FileType]:
    """All types that a mark or a shape tells."""
    return frozenset(known.file_type for known in SIGNATURES) | frozenset(kind for _, kind in SHAPES)


def _loose(head: bytes, *, is_text: bool) -> Signature | None:
    """Find formats that may begin after other bytes, and formats that are told by a shape."""
    text = head.lstrip(BLANKS)
    if text.startswith(b"{\\rt"):  # Word accepts a file that begins so
        return Signature(b"{\\rt", types.RTF)
    if _is_eicar(head):
        return Signature(EICAR_START, types.COM)
    if LATE_PDF.search(head, 0, PDF_WITHIN + 9) and PDF_OBJECT.search(head):
        return Signature(b"%PDF-", types.PDF, frozenset({"ai"}))
    shapes = (shape for shape in SHAPES if not (is_text and _is_never_written(shape[1])))
    return next((Signature(b"", kind) for has_shape, kind in shapes if has_shape(head)), None)


def _is_eicar(head: bytes) -> bool:
    """Whether the EICAR test file begins after blanks or a byte order mark, or is UTF-16."""
    start = head[:MARKED_WITHIN].replace(b"\0", b"")
    for mark in MARKS_OF_TEXT:
        start = start.removeprefix(mark)
    return start.lstrip(BLANKS).startswith(EICAR_START)


def find_tail_type(head: bytes, tail: bytes) -> FileType | None:
    """Tell a disk image by the start of its last 512 bytes.

    A program, document or archive with such an end is started or opened by its beginning, so the beginning tells the type.
    """
    kind = next((kind for place, mark, kind in TAILS if tail[-place:].startswith(mark)), None)
    if kind is None or is_written(head):
        return None
    found = find_signature(head)
    return kind if found is None or found.file_type in STARTS_OF_DISKS else None


def find_open_document(head: bytes) -> FileType | None:
    """Tell an OpenDocument file by the first entry. The specification says which entry comes first."""
    start = head.find(MIME_TYPE, 0, MIME_WITHIN)
    kind = head[start + len(MIME_TYPE) :] if start >= 0 else b""
    return next((file_type for name, file_type in OPEN_DOCUMENTS if kind.startswith(name)), None)


def find_zip_type(names: Iterable[str]) -> FileType | None:
    """Tell the office documents and packages among ZIP files by their entries."""
    present = dict.fromkeys(name.lower() for name in names)
    named = next((ZIP_ENTRIES[name] for name in present if name in ZIP_ENTRIES), None)
    if named is None and OFFICE_PARTS in present:
        folders = (kind for name in present for folder, kind in ZIP_FOLDERS if name.startswith(folder))
        named = next(folders, None)
    return named or (types.JAR if JAR_ENTRY in present else None)
