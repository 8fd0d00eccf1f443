"""Which members of a container become samples: files that can act, or that can hold more. All other files are listed."""

import re
from enum import IntEnum
from itertools import islice

from samplebank.identification.signatures import find_signature
from samplebank.identification.texts import WIDE_MARKS, without_false_mark
from samplebank.worker.analysers.extract import cms, spelled

HEAD_BYTES = 72 * 1024


class Kind(IntEnum):
    """The kind of a member. Under a limit, members with a lower number come first."""

    PROGRAM = 0
    SCRIPT = 1
    DOCUMENT = 2
    ARCHIVE = 3
    MAIL = 4
    BINARY = 5
    #: texts, pictures, sounds, fonts: listed only
    LISTED = 6


GROUPS = {
    "executable": Kind.PROGRAM,
    "code": Kind.SCRIPT,
    "document": Kind.DOCUMENT,
    "archive": Kind.ARCHIVE,
    "application": Kind.BINARY,
    "image": Kind.LISTED,
    "audio": Kind.LISTED,
    "video": Kind.LISTED,
    "font": Kind.LISTED,
}
LABELS = {
    "lnk": Kind.SCRIPT,
    "internetshortcut": Kind.SCRIPT,
    "chm": Kind.DOCUMENT,
    "rtf": Kind.DOCUMENT,
    "outlook": Kind.MAIL,
    "eml": Kind.MAIL,
    "tnef": Kind.MAIL,
    # a Java archive has hundreds of classes, which say nothing one by one
    "javabytecode": Kind.LISTED,
    "sqlite": Kind.LISTED,
}
PROGRAMS = frozenset(
    ["exe", "dll", "scr", "sys", "com", "cpl", "ocx", "pif", "msi", "elf", "so", "dylib", "apk"]
)
SCRIPTS = frozenset(
    [
        "ps1",
        "psm1",
        "psd1",
        "js",
        "jse",
        "vbs",
        "vbe",
        "wsf",
        "wsh",
        "hta",
        "bat",
        "cmd",
        "sh",
        "bash",
        "py",
        "pl",
        "php",
        "rb",
        "lnk",
        "url",
        "scf",
        "reg",
        "inf",
        "sct",
        "xsl",
        "jar",
        "iqy",
        "slk",
        "settingcontent-ms",
        "library-ms",
        "search-ms",
        "appref-ms",
        "application",
        "rdp",
        "ahk",
        "au3",
        "html",
        "htm",
        "xhtml",
        "mht",
        "mhtml",
        "svg",
        "msc",
        "searchconnector-ms",
        "theme",
        "desktop",
        "wsc",
        "ws",
        "pyw",
        "lua",
        "scpt",
        "applescript",
        "command",
        "jnlp",
        "vsto",
        "appinstaller",
        "udl",
        "asp",
        "aspx",
        "ashx",
        "asmx",
        "jsp",
        "jspx",
        "cfm",
        "phtml",
        "phar",
        "shtml",
        "xht",
    ]
)
#: names of files by which a system acts, whatever their ending says
SCRIPT_NAMES = {"desktop.ini": Kind.SCRIPT}
#: the longest text that is searched for spelled files, and the beginnings of files that are looked at
MOST_SPELLING, MOST_BEGINNINGS = 16 * 1024 * 1024, 200
DOCUMENTS = frozenset(
    [
        "doc",
        "docm",
        "docx",
        "dot",
        "dotm",
        "xls",
        "xlsm",
        "xlsx",
        "xlsb",
        "xla",
        "xlam",
        "ppt",
        "pptm",
        "pptx",
        "pps",
        "ppam",
        "rtf",
        "pdf",
        "one",
        "odt",
        "ods",
        "odp",
        "pub",
    ]
)
ARCHIVES = frozenset(
    [
        "zip",
        "rar",
        "7z",
        "gz",
        "bz2",
        "xz",
        "zst",
        "tar",
        "tgz",
        "cab",
        "iso",
        "img",
        "vhd",
        "vhdx",
        "udf",
        "arj",
        "lzh",
        "ace",
        "wim",
        "z",
    ]
)
MAILS = frozenset(["eml", "msg"])
SUFFIXES = {
    **dict.fromkeys(PROGRAMS, Kind.PROGRAM),
    **dict.fromkeys(SCRIPTS, Kind.SCRIPT),
    **dict.fromkeys(DOCUMENTS, Kind.DOCUMENT),
    **dict.fromkeys(ARCHIVES, Kind.ARCHIVE),
    **dict.fromkeys(MAILS, Kind.MAIL),
}
#: files with these names are opened by a program that acts, whatever the content is
ACTING = PROGRAMS | SCRIPTS
SCRIPT_WORDS = re.compile(
    rb"(?i)\A#!|<script\b|<hta:application|\bActiveXObject\b|\bWScript\.|\bCreateObject\s*\(|\bInvoke-Expression\b|"
    rb"\bIEX\b|\bNew-Object\s|\bFromBase64String\b|\beval\s*\(|\bfunction\s+\w+\s*\(|^\s*@echo\s+off|"
    rb"^\s*(?:Sub|Function|Attribute VB_\w+)\b",
    re.MULTILINE,
)
#: documents of Office as one XML file
DOCUMENT_MARKS = (b"<?mso-application", b"<pkg:package", b"<w:wordDocument", b"<office:document ")
#: a cell that starts a program by DDE, and the mark of each such cell
DDE_CELL = re.compile(
    rb"^(?:[^\r\n]{0,500}[,;\t])?[\"' ]{0,10}[=+\-@][^\r\n,;\t]{0,200}\w\|[\"'][^\r\n]{1,500}![A-Z]",
    re.MULTILINE,
)
DDE_MARKS = (b"|'", b'|"')
#: a byte order mark and empty lines may stand in front of a mail, as may the masked line of a mailbox, and count for nothing
BEFORE_MAIL = re.compile(rb"\A(?:\xef\xbb\xbf)?[\r\n]{0,40}(?:>From [^\r\n]*(?:\r\n?|\n))?")
MAIL_HEADER = re.compile(
    rb"(?i)\A(?:\xef\xbb\xbf)?[\r\n]{0,40}(?:>From [^\r\n]*(?:\r\n?|\n))?(?:[\w-]{1,60}:[^\r\n]*(?:\r\n?|\n)(?:[ \t][^\r\n]*(?:\r\n?|\n))*){0,2000}?"
    rb"(?:received|return-path|mime-version|message-id|delivered-to|x-mailer|content-type:[ \t]*(?:multipart|message)/[^\r\n:]*):?"
)
CONTROL = bytes(set(range(32)) - {9, 10, 12, 13, 27}) + b"\x7f"
#: share of control bytes, in percent, from which a file is no text
MOST_CONTROL = 3


def suffix_of(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[2].lower()[:30]


def kind_by_name(path: str) -> Kind:
    """Guess the kind of a member before its bytes are read."""
    return SUFFIXES.get(suffix_of(path), Kind.BINARY)


def kind_of(path: str, data: bytes) -> Kind:
    """The kind of a member, by its bytes first. A name that makes a system act counts as well."""
    if not data:
        return Kind.LISTED
    head, named = data[:HEAD_BYTES], SUFFIXES.get(suffix_of(path))
    kind = _marked_kind(head)
    if kind is not None:
        return named if kind is Kind.LISTED and named in {Kind.PROGRAM, Kind.SCRIPT} else kind
    if cms.content_of(data) is not None:
        return Kind.ARCHIVE
    if is_text(head):
        kind = _kind_of_text(head, SCRIPT_NAMES.get(path.rpartition("/")[2].lower(), named))
        return Kind.ARCHIVE if kind is Kind.LISTED and _holds_file(data) else kind
    return named if named in {Kind.PROGRAM, Kind.ARCHIVE, Kind.DOCUMENT} else Kind.BINARY


def _marked_kind(head: bytes) -> Kind | None:
    """The kind by the mark at the beginning; None without a mark."""
    found = find_signature(head)
    if found is None:
        return None
    label, group = found.file_type.label or "", found.file_type.group or ""
    return LABELS.get(label, GROUPS.get(group, Kind.BINARY))


def _holds_file(text: bytes) -> bool:
    """Whether letters or digits in a text spell a file that acts or holds more, which a script beside the text writes."""
    if len(text) > MOST_SPELLING:
        return False
    text = text.replace(b"\0", b"") if text.startswith(WIDE_MARKS) else text
    found = (_marked_kind(begin) for begin in islice(spelled.beginnings(text), MOST_BEGINNINGS))
    return any(kind not in {None, Kind.LISTED} for kind in found)


def _kind_of_text(head: bytes, named: Kind | None) -> Kind:
    if named in {Kind.PROGRAM, Kind.SCRIPT, Kind.MAIL}:
        return named
    if MAIL_HEADER.match(head):
        return Kind.MAIL
    head = without_false_mark(head)
    plain = head.replace(b"\0", b"") if head.startswith(WIDE_MARKS) else head
    if SCRIPT_WORDS.search(plain):
        return Kind.SCRIPT
    return Kind.DOCUMENT if _acts_in_office(plain) else Kind.LISTED


def _acts_in_office(text: bytes) -> bool:
    """Whether a text is a document with room for orders, or a table with an order."""
    if any(mark in text for mark in DOCUMENT_MARKS):
        return True
    return any(mark in text for mark in DDE_MARKS) and DDE_CELL.search(text) is not None


def is_text(head: bytes) -> bool:
    """Whether bytes look like a text of an alphabet in one byte, in UTF-8, or in UTF-16 with a byte order mark."""
    if head.startswith(WIDE_MARKS):
        return True
    return 100 * (len(head) - len(head.translate(None, CONTROL))) <= MOST_CONTROL * len(head)
