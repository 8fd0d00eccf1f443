"""Recognizes scripts that are too short or too mixed for Magika, by words of one language only."""

import codecs
import re

from samplebank.identification import file_types as types
from samplebank.identification.file_types import FileType

#: the byte order marks of UTF-16, and the bytes behind a mark that tell whether the mark is right
WIDE_MARKS, MARKED_BYTES = (b"\xff\xfe", b"\xfe\xff"), 4096
ASCII, FEWEST_ASCII = bytes(range(1, 128)), 0.95
#: a text of another alphabet has fewer letters of ASCII, and packed bytes have half of them
FEWEST_WRITTEN = 0.8
MOST_CHARACTERS = 64 * 1024
#: from this length on, Magika has read enough to be believed
SHORT_CHARACTERS = 4096
FEWEST_PRINTABLE = 0.97
CONTROL = frozenset("\t\n\r\f\b\x1b")

HTA = re.compile(r"<hta:application\b", re.IGNORECASE)
WSF = re.compile(
    r"<(?:job|package|component)\b[^<>]{0,200}>.{0,4000}?<script\b[^<>]{0,200}\blanguage\s*=",
    re.IGNORECASE | re.DOTALL,
)
DDE_CELL = re.compile(
    r"""(?:^|[,;\t])\s{0,10}["']?[=+\-@][^\r\n,;\t]{0,200}\w\s{0,10}\|[^\r\n]{1,500}![^\r\n]{1,50}""",
    re.MULTILINE,
)
JAVASCRIPT = re.compile(
    r"\bnew\s+ActiveXObject\s*\(|\b(?:var|let|const)\s+[\w$]+\s*=|\bfunction\s*[\w$]*\s*\([\w$,\s]*\)\s*\{|\bString\.fromCharCode\s*\(|"
    r"\b(?:WScript|console|document|window)\.\w+\([^\r\n]*\)\s*;|\beval\s*\([^\r\n]*\)\s*;|\b(?:atob|unescape)\s*\("
)
#: words that stand in no JavaScript
VISUAL_BASIC = re.compile(
    r"^\s*(?:Dim|Set|Sub|Function|Const|On Error|Option Explicit|Execute|ExecuteGlobal|MsgBox|Attribute VB_|Private|Public|Rem)\b",
    re.IGNORECASE | re.MULTILINE,
)
POWERSHELL = re.compile(
    r"""^\s*(?:[&.]\s*\(|\(\s*|\[[\w.]+\]::\w+\(\s*|\$[\w:{}]+\s*=\s*\(?)*"""
    r"""(?:(?:IEX|Invoke-Expression)\b|(?:Invoke|New|Start|Set|Get|Add|Import|Out|Write|Remove|Stop)-[A-Z]\w+\s+[-$"'(\[\w]|"""
    r"""\[(?:System\.)?(?:Net|Text|Convert|Reflection|IO|Runtime)[\w.]*\]|\$(?:env:|ExecutionContext|PSHome))""",
    re.IGNORECASE,
)
CMDLET_ARGUMENT = re.compile(r"\s-[A-Za-z]+\b|[$()\[\]|\"']")
#: the first line of a script of Unix, and the programs that run scripts of a type
INTERPRETER = re.compile(
    rb"#![ \t]{0,10}(?:/[\w.+/-]{0,200}/)(?:env[ \t]{1,10}(?:-[\w-]{1,20}[ \t]{1,10})?)?([a-z]{2,10})[\d.]{0,8}(?=[ \t\r\n])"
)
INTERPRETERS = {
    **dict.fromkeys((b"sh", b"bash", b"dash", b"ash", b"ksh", b"zsh"), types.SHELL),
    b"python": types.PYTHON,
    b"perl": types.PERL,
    b"php": types.PHP,
    b"ruby": types.RUBY,
    **dict.fromkeys((b"node", b"nodejs"), types.JAVASCRIPT),
    b"pwsh": types.POWERSHELL,
}
#: Magika's types for a text of unknown kind
VAGUE = frozenset({"unknown", "txt", "lisp", "empty"})
MARKED_UP = frozenset({"html", "xml", "txt", "unknown", "asp", "vba"})
DELIMITER = re.compile(r"[,;\t]")
#: types seen by mistake in short scripts of other languages
MISTAKEN_SCRIPTS = VAGUE | {
    "vba",
    "batch",
    "powershell",
    "javascript",
    "html",
    "xml",
    "asp",
    "php",
    "shell",
    "csv",
    "c",
    "cs",
    "ini",
    "typescript",
}


def without_false_mark(content: bytes) -> bytes:
    """The text behind a byte order mark of UTF-16, where the text is in single letters: without a NUL, and nearly all ASCII.

    The command line of Windows does not know the mark, so batch files with such a mark look like nothing, and run.
    """
    while content.startswith(WIDE_MARKS):
        start = content[len(WIDE_MARKS[0]) : MARKED_BYTES]
        if not start or not _is_ascii(start, FEWEST_ASCII):
            break
        content = content[len(WIDE_MARKS[0]) :]
    return content


def is_written(head: bytes) -> bool:
    """Whether a file begins as a text does: without a NUL, and with letters of ASCII or of UTF-8 nearly everywhere.

    Archives and pictures begin otherwise. A script may have the mark of an archive in a comment, and runs all the same.
    """
    start = head[:MARKED_BYTES]
    return _is_ascii(start, FEWEST_WRITTEN) or (b"\0" not in start and _is_utf_8(start))


def _is_ascii(start: bytes, fewest: float) -> bool:
    return b"\0" not in start and len(start.translate(None, ASCII)) <= (1 - fewest) * len(start)


def _is_utf_8(start: bytes) -> bool:
    """Whether the bytes are UTF-8. The last letter may be cut off."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return False
    return True


def find_interpreted_type(head: bytes) -> FileType | None:
    """The type of a script by the program that runs the script. The bytes behind the script may be anything, as in installers."""
    named = INTERPRETER.match(head)
    return INTERPRETERS.get(named[1]) if named else None


def find_script_type(head: bytes, guess: str) -> FileType | None:
    """The language of a script, by words of this language only; None where Magika's guess is better."""
    text = _text(head[:MOST_CHARACTERS]) if guess in MISTAKEN_SCRIPTS else None
    if text is None:
        return None
    if HTA.search(text):
        return types.HTA
    if guess in MARKED_UP and WSF.search(text):
        return types.WSF
    return _short_script(text, guess) if len(text) <= SHORT_CHARACTERS else None


def _short_script(text: str, guess: str) -> FileType | None:
    first = text.lstrip().split("\n", 1)[0]
    if guess in VAGUE | {"batch", "shell", "powershell"} and DDE_CELL.search(text):
        return types.CSV if DELIMITER.search(text) else types.TXT
    is_statement = guess == "vba" or text.rstrip().endswith((";", "}", ")"))
    if (
        guess in VAGUE | {"vba"}
        and is_statement
        and JAVASCRIPT.search(text)
        and not VISUAL_BASIC.search(text)
    ):
        return types.JAVASCRIPT
    is_powershell = guess in VAGUE and POWERSHELL.match(first) and CMDLET_ARGUMENT.search(first)
    return types.POWERSHELL if is_powershell else None


def _text(head: bytes) -> str | None:
    encoding = "utf-16" if head.startswith(WIDE_MARKS) else "utf-8-sig"
    text = head.decode(encoding, errors="replace")
    printable = sum(
        (char.isprintable() and char != "\ufffd") or char in CONTROL for char in text[:SHORT_CHARACTERS]
    )
    return text if printable >= FEWEST_PRINTABLE * min(len(text), SHORT_CHARACTERS) else None
