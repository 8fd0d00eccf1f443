"""Files that stand in texts as lines of letters: uuencode, yEnc and BinHex 4.0, as mails and news carried files before MIME."""

import binascii
import re
import struct
from collections.abc import Iterator

from samplebank.worker.analysers.extract.haul import Haul

MOST_FILES = 200
UU = re.compile(rb"^begin(-base64)? [0-7]{3,4} ([^\r\n]{1,200})\r?\n", re.MULTILINE)
#: begins the line of no bytes that ends a file
UU_LAST = b"`"
UU_END = re.compile(rb"^(?:end|====)[ \t]*\r?$", re.MULTILINE)
YENC = re.compile(
    rb"^=ybegin [^\r\n]{0,200}?name=([^\r\n]{1,200})\r?\n(?:=ypart [^\r\n]{0,200}\r?\n)?", re.MULTILINE
)
YENC_END = re.compile(rb"^=yend\b", re.MULTILINE)
YENC_ESCAPED = re.compile(rb"=(.)", re.DOTALL)
#: each byte of a file was moved on by 42, and an escaped byte by 64 more
YENC_BYTES = bytes((byte - 42) % 256 for byte in range(256))
BINHEX = re.compile(
    rb"^\(This file must be converted with BinHex[^\r\n]{0,80}\)[\r\n\s]*:([^:]+):", re.MULTILINE
)
BINHEX_LETTERS = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"
BASE64_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
BINHEX_TO_BASE64 = bytes.maketrans(BINHEX_LETTERS, BASE64_LETTERS)
NOT_BINHEX = bytes(set(range(256)) - set(BINHEX_LETTERS))
#: a byte that is repeated: the byte, a mark, the number; a number of 0 is the mark itself
REPEATED, LONGEST_NAME = re.compile(rb"(.)\x90(.)", re.DOTALL), 63
#: letters of a BinHex file that are read: repeated bytes unpack to 64 times as many
MOST_LETTERS = 4 * 1024 * 1024


def has_files(data: bytes) -> bool:
    """Whether a text has the first line of a file. Most texts lack the words, which are found faster than the lines."""
    has_begin = (data.startswith(b"begin") or b"\nbegin" in data) and UU.search(data)
    has_begin = has_begin or (b"=ybegin" in data and YENC.search(data))
    return bool(has_begin or (b"with BinHex" in data and BINHEX.search(data)))


def take_files(data: bytes, haul: Haul, password: str | None = None) -> None:
    """Take the files of a text. A damaged file gives what stands before the damage."""
    for number, (name, content, how) in enumerate(_files(data)):
        if number >= MOST_FILES:
            return
        if content and haul.begin(name, len(content), len(content)):
            haul.take(name, content, how, password=password)


def uu_decoded(data: bytes) -> bytes:
    """The first file of a text, or the lines of a file without its first line."""
    found = UU.search(data)
    return _uu_decoded(_up_to(UU_END, data, found.end() if found else 0))


def _files(data: bytes) -> Iterator[tuple[str, bytes, str]]:
    for found in UU.finditer(data):
        body = _up_to(UU_END, data, found.end())
        content = _base64_decoded(body) if found[1] else _uu_decoded(body)
        yield _text(found[2]), content, "uuencode"
    for found in YENC.finditer(data):
        yield _text(found[1]), _yenc_decoded(_up_to(YENC_END, data, found.end())), "yenc"
    for found in BINHEX.finditer(data):
        yield (*_binhex_decoded(found[1]), "binhex")


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace").strip()


def _up_to(end: re.Pattern[bytes], data: bytes, start: int) -> bytes:
    found = end.search(data, start)
    return data[start : found.start() if found else len(data)]


def _uu_decoded(body: bytes) -> bytes:
    parts = []
    for line in body.splitlines():
        if not line.strip():
            continue
        if line[:1] == UU_LAST:
            break
        try:
            parts.append(binascii.a2b_uu(line))
        except binascii.Error:
            # Some writers fill the last group with more letters than the length of the line allows.
            kept = ((line[0] - 32 & 63) * 4 + 5) // 3
            try:
                parts.append(binascii.a2b_uu(line[: kept + 1]))
            except binascii.Error:
                break
    return b"".join(parts)


def _base64_decoded(body: bytes) -> bytes:
    try:
        return binascii.a2b_base64(body)
    except binascii.Error:
        return b""


def _yenc_decoded(body: bytes) -> bytes:
    lines = body.replace(b"\r\n", b"").replace(b"\n", b"")
    plain = YENC_ESCAPED.sub(lambda found: bytes([(found[1][0] - 64) % 256]), lines)
    return plain.translate(YENC_BYTES)


def _binhex_decoded(body: bytes) -> tuple[str, bytes]:
    """The name and the data fork. The file has a length, the name, the kind (18 bytes), two lengths and a checksum before the data."""
    letters = body[:MOST_LETTERS].translate(BINHEX_TO_BASE64, NOT_BINHEX)
    letters = letters[: len(letters) // 4 * 4]
    packed = _base64_decoded(letters)
    plain = REPEATED.sub(lambda found: found[1] * found[2][0] if found[2][0] else found[1] + b"\x90", packed)
    length = plain[0] if plain else 0
    place = 1 + length + 1 + 4 + 4 + 2
    if not 0 < length <= LONGEST_NAME or len(plain) < place + 10:
        return "", b""
    (size,) = struct.unpack_from(">I", plain, place)
    return _text(plain[1 : 1 + length]), plain[place + 10 : place + 10 + size]
