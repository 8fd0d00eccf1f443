"""The kinds of files that are told by their own marks. Kinds have the names of Magika, and the words that users see."""

import msgspec


class FileType(msgspec.Struct, frozen=True):
    label: str
    group: str
    mime_type: str
    description: str
    extensions: tuple[str, ...] = ()


PE = FileType("pebin", "executable", "application/x-dosexec", "PE Windows executable", ("exe", "dll"))
ELF = FileType("elf", "executable", "application/x-executable-elf", "ELF executable", ("elf",))
MACHO = FileType("macho", "executable", "application/x-mach-o", "Mach-O executable")
JAVA_CLASS = FileType("javabytecode", "executable", "application/x-java-applet", "Java bytecode", ("class",))
PYTHON_BYTECODE = FileType(
    "pythonbytecode",
    "executable",
    "application/x-bytecode.python",
    "Python compiled bytecode",
    ("pyc", "pyo"),
)
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
MZ = FileType("mzbin", "executable", "application/x-dosexec", "MS-DOS executable", ("exe",))
LE = FileType("lebin", "executable", "application/x-dosexec", "Linear executable (OS/2, VxD)", ("exe", "vxd"))
BZIMAGE = FileType("bzimage", "executable", "application/x-linux-kernel", "Linux kernel image")
UIMAGE = FileType("uimage", "executable", "application/x-uimage", "U-Boot image", ("img",))
DTB = FileType("dtb", "application", "application/x-devicetree", "Device tree blob", ("dtb",))
BOOT_SECTOR = FileType(
    "bootsector", "archive", "application/x-raw-disk-image", "Boot sector or disk image", ("img",)
)

TNEF = FileType("tnef", "archive", "application/vnd.ms-tnef", "Outlook winmail.dat attachment", ("dat",))
AR = FileType("ar", "archive", "application/x-archive", "ar archive or static library", ("a", "lib"))
DEB = FileType("deb", "archive", "application/vnd.debian.binary-package", "Debian binary package", ("deb",))
TAR = FileType("tar", "archive", "application/x-tar", "POSIX tar archive", ("tar",))
CPIO = FileType("cpio", "archive", "application/x-cpio", "cpio archive", ("cpio",))
ARJ = FileType("arj", "archive", "application/x-arj", "ARJ archive", ("arj",))
ACE = FileType("ace", "archive", "application/x-ace-compressed", "ACE archive", ("ace",))
ZOO = FileType("zoo", "archive", "application/x-zoo", "Zoo archive", ("zoo",))
WIM = FileType("wim", "archive", "application/x-ms-wim", "Windows image", ("wim", "esd"))
ALZ = FileType("alz", "archive", "application/x-alz", "ALZ archive", ("alz",))
EGG = FileType("egg", "archive", "application/x-egg", "EGG archive", ("egg",))
ZPAQ = FileType("zpaq", "archive", "application/x-zpaq", "ZPAQ archive", ("zpaq",))
MSI = FileType("msi", "archive", "application/x-msi", "Microsoft Installer file", ("msi",))
ASAR = FileType("asar", "archive", "application/x-asar", "Electron archive", ("asar",))
STUFFIT = FileType("stuffit", "archive", "application/x-stuffit", "StuffIt archive", ("sit",))
XAR = FileType("xar", "archive", "application/x-xar", "XAR archive", ("xar", "pkg"))
RPM = FileType("rpm", "archive", "application/x-rpm", "RPM package", ("rpm",))
MSCOMPRESS = FileType("mscompress", "archive", "application/x-ms-compress-szdd", "MS Compress archive data")
CHM = FileType("chm", "application", "application/chm", "MS Windows HtmlHelp data", ("chm",))
ONE = FileType("one", "document", "application/msonenote", "OneNote", ("one",))
PST = FileType("pst", "document", "application/vnd.ms-outlook-pst", "Outlook mailbox", ("pst", "ost"))

ZST = FileType("zst", "archive", "application/zstd", "Zstandard compressed data", ("zst",))
LZMA = FileType("lzma", "archive", "application/x-lzma", "LZMA compressed data", ("lzma",))
LZIP = FileType("lzip", "archive", "application/lzip", "lzip compressed data", ("lz",))
LZ4 = FileType("lz4", "archive", "application/x-lz4", "LZ4 compressed data", ("lz4",))
LZOP = FileType("lzop", "archive", "application/x-lzop", "lzop compressed data", ("lzo",))
LRZIP = FileType("lrz", "archive", "application/x-lrzip", "lrzip compressed data", ("lrz",))
COMPRESS = FileType("compress", "archive", "application/x-compress", "compress'd data", ("Z",))
BZIP = FileType("bzip", "archive", "application/x-bzip2", "bzip2 compressed data", ("bz2",))
SNAPPY = FileType("snappy", "archive", "application/x-snappy-framed", "Snappy compressed data", ("sz",))

ISO = FileType("iso", "archive", "application/x-iso9660-image", "ISO 9660 CD-ROM filesystem data", ("iso",))
SQUASHFS = FileType("squashfs", "archive", "application/x-squashfs", "Squashfs filesystem", ("squashfs",))
CRAMFS = FileType("cramfs", "archive", "application/x-cramfs", "Compressed ROM filesystem", ("img",))
ROMFS = FileType("romfs", "archive", "application/x-romfs", "ROM filesystem", ("img",))
EXT = FileType("ext", "archive", "application/x-ext-image", "ext filesystem", ("img",))
REISERFS = FileType("reiserfs", "archive", "application/x-reiserfs-image", "ReiserFS filesystem", ("img",))
BTRFS = FileType("btrfs", "archive", "application/x-btrfs-image", "Btrfs filesystem", ("img",))
XFS = FileType("xfs", "archive", "application/x-xfs-image", "XFS filesystem", ("img",))
F2FS = FileType("f2fs", "archive", "application/x-f2fs-image", "F2FS filesystem", ("img",))
NTFS = FileType("ntfs", "archive", "application/x-ntfs-image", "NTFS filesystem", ("img",))
FAT = FileType("fat", "archive", "application/x-fat-image", "FAT filesystem", ("img", "ima"))
ADF = FileType("adf", "archive", "application/x-amiga-disk-format", "Amiga disk", ("adf",))
VHD = FileType("vhd", "archive", "application/x-vhd", "Virtual hard disk", ("vhd",))
VHDX = FileType("vhdx", "archive", "application/x-vhdx", "Virtual hard disk", ("vhdx",))
VMDK = FileType("vmdk", "archive", "application/x-vmdk", "VMware disk", ("vmdk",))
VDI = FileType("vdi", "archive", "application/x-vdi", "VirtualBox disk", ("vdi",))
QCOW = FileType("qcow", "archive", "application/x-qemu-disk", "QEMU disk", ("qcow2",))
DMG = FileType("dmg", "archive", "application/x-apple-diskimage", "Apple disk image", ("dmg",))

EMF = FileType("emf", "application", "image/emf", "Windows Enhanced Metafile image data", ("emf",))
XCF = FileType("xcf", "image", "image/x-xcf", "GIMP image", ("xcf",))
NETPBM = FileType("netpbm", "image", "image/x-portable-anymap", "Netpbm image", ("pnm", "ppm", "pgm", "pbm"))
DDS = FileType("dds", "image", "image/vnd.ms-dds", "DirectDraw surface", ("dds",))
AVIF = FileType("avif", "image", "image/avif", "AVIF image", ("avif",))
HEIF = FileType("heif", "image", "image/heic", "High Efficiency Image File", ("heic", "heif"))
JXL = FileType("jxl", "image", "image/jxl", "JPEG XL image", ("jxl",))
QOI = FileType("qoi", "image", "image/x-qoi", "Quite OK image", ("qoi",))
EXR = FileType("exr", "image", "image/x-exr", "OpenEXR image", ("exr",))

AIFF = FileType("aiff", "audio", "audio/aiff", "AIFF audio", ("aiff", "aif", "aifc"))
DSF = FileType("dsf", "audio", "audio/x-dsf", "DSD audio", ("dsf",))
DFF = FileType("dff", "audio", "audio/x-dff", "DSD audio", ("dff",))
ASF = FileType("asf", "audio", "video/x-ms-asf", "ASF audio or video", ("wma", "wmv", "asf"))
APE = FileType("ape", "audio", "audio/x-ape", "Monkey's Audio", ("ape",))
WAVPACK = FileType("wavpack", "audio", "audio/x-wavpack", "WavPack audio", ("wv",))
AAC = FileType("aac", "audio", "audio/aac", "AAC audio", ("aac",))
MPEG_TS = FileType("mpegts", "video", "video/mp2t", "MPEG transport stream", ("ts", "m2ts"))
MPEG_PS = FileType("mpegps", "video", "video/mpeg", "MPEG video", ("mpg", "mpeg"))
AVI = FileType("avi", "video", "video/x-msvideo", "Audio Video Interleave", ("avi",))

HTA = FileType("hta", "code", "application/hta", "HTML application", ("hta",))
WSF = FileType("wsf", "code", "text/x-wsf", "Windows script file", ("wsf",))
JAVASCRIPT = FileType("javascript", "code", "application/javascript", "JavaScript source", ("js",))
SHELL = FileType("shell", "code", "text/x-shellscript", "Shell script", ("sh",))
PYTHON = FileType("python", "code", "text/x-python", "Python source", ("py", "pyi"))
PERL = FileType("perl", "code", "text/x-perl", "Perl source", ("pl",))
PHP = FileType("php", "code", "text/x-php", "PHP source", ("php",))
RUBY = FileType("ruby", "code", "application/x-ruby", "Ruby source", ("rb",))
POWERSHELL = FileType("powershell", "code", "application/x-powershell", "Powershell source", ("ps1",))
CSV = FileType("csv", "code", "text/csv", "CSV document", ("csv",))
ODT = FileType("odt", "document", "application/vnd.oasis.opendocument.text", "OpenDocument text", ("odt",))
ODS = FileType(
    "ods", "document", "application/vnd.oasis.opendocument.spreadsheet", "OpenDocument spreadsheet", ("ods",)
)
ODP = FileType(
    "odp",
    "document",
    "application/vnd.oasis.opendocument.presentation",
    "OpenDocument presentation",
    ("odp",),
)
ODG = FileType(
    "odg", "document", "application/vnd.oasis.opendocument.graphics", "OpenDocument drawing", ("odg",)
)
ODB = FileType(
    "odb", "document", "application/vnd.oasis.opendocument.base", "OpenDocument database", ("odb",)
)
ODF = FileType(
    "odf", "document", "application/vnd.oasis.opendocument.formula", "OpenDocument formula", ("odf",)
)
DOC = FileType("doc", "document", "application/msword", "Microsoft Word CDF document", ("doc",))
XLS = FileType("xls", "document", "application/vnd.ms-excel", "Microsoft Excel CDF document", ("xls",))
PPT = FileType(
    "ppt", "document", "application/vnd.ms-powerpoint", "Microsoft PowerPoint CDF document", ("ppt",)
)
OUTLOOK = FileType("outlook", "application", "application/vnd.ms-outlook", "MS Outlook Message", ("msg",))
