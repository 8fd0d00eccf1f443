"""Files smuggled in HTML, SVG and scripts: long texts in Base64 or hexadecimal digits that spell a known type of file."""

import base64
import binascii
import re
from collections.abc import Iterator
from itertools import islice

from samplebank.identification.signatures import find_signature
from samplebank.worker.analysers.extract import activemime
from samplebank.worker.analysers.extract.haul import Haul
from samplebank.worker.analysers.extract.kinds import HEAD_BYTES, Kind, kind_of

MOST_TEXTS = 200
#: lists of numbers are searched in the first bytes, as numbers are read slowly
MOST_OF_LISTS = 32 * 1024 * 1024
#: shorter texts hold no program and no archive of interest
SHORTEST = 200
BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{4}(?:\s|\\[nr]|[\"']\s*\+\s*[\"'])*){50,}[A-Za-z0-9+/]{0,3}={0,2}")
#: with the two letters that are fit for addresses of the web
BASE64_OF_WEB = re.compile(rb"[A-Za-z0-9_-]{200,}")
#: lists of the values of bytes, such as `new Uint8Array([77, 90, 0x90])`
NUMBERS = re.compile(
    rb"(?:(?:0[xX][0-9a-fA-F]{1,2}|-?\d{1,3})\s*+,\s*+)++(?:0[xX][0-9a-fA-F]{1,2}|-?\d{1,3})?"
)
NUMBER = re.compile(rb"0[xX]([0-9a-fA-F]{1,2})|(-?\d{1,3})")
HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){400,}")
#: for each byte, whether the byte may stand in a match of `BASE64` and of `HEX`, and the bytes of the shortest match
LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
OF_BASE64, SHORTEST_BASE64 = bytes(byte in LETTERS + b"=\\\"' \t\n\r\f\v" for byte in range(256)), 200
OF_HEX, SHORTEST_HEX = bytes(byte in b"0123456789abcdefABCDEF" for byte in range(256)), 800
OF_WEB = bytes(byte in LETTERS[:-2] + b"-_" for byte in range(256))
OF_NUMBERS, SHORTEST_NUMBERS = (
    bytes(byte in b"0123456789abcdefABCDEFxX-, \t\n\r\f\v" for byte in range(256)),
    400,
)
BETWEEN = re.compile(rb"[\"']\s*\+\s*[\"']|\s|\\[nr]")
OWN_OF_WEB, FROM_WEB, LAST_BYTE = re.compile(rb"[-_]"), bytes.maketrans(b"-_", b"+/"), 0xFF
NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
ACTING = frozenset({Kind.PROGRAM, Kind.SCRIPT, Kind.DOCUMENT, Kind.ARCHIVE, Kind.MAIL, Kind.BINARY})


def open_smuggled(data: bytes, haul: Haul) -> None:
    """Take what long texts spell. Only types with an unmistakable beginning count: fonts and pictures pass."""
    _take_base64(data, haul)
    for found in islice(_found(HEX, data, OF_HEX, SHORTEST_HEX), MOST_TEXTS):
        _has_taken(bytes.fromhex(found[0].decode()), f"hex-at-{found.start()}", haul)
    texts = _found(NUMBERS, data[:MOST_OF_LISTS], OF_NUMBERS, SHORTEST_NUMBERS)
    lists = (found for found in texts if len(found[0]) >= SHORTEST_NUMBERS)
    for found in islice(lists, MOST_TEXTS):
        haul.go_on()
        _has_taken(_listed(found[0]), f"bytes-at-{found.start()}", haul)


def _take_base64(data: bytes, haul: Haul) -> None:
    texts = _found(BASE64_OF_WEB, data, OF_WEB, SHORTEST_BASE64)
    of_web = (found for found in texts if OWN_OF_WEB.search(found[0]))
    taken = [
        range(*found.span())
        for found in islice(of_web, MOST_TEXTS)
        if _has_taken(_decoded(found[0].translate(FROM_WEB)), f"base64-at-{found.start()}", haul)
    ]
    for found in islice(_found(BASE64, data, OF_BASE64, SHORTEST_BASE64), MOST_TEXTS):
        letters, path = _letters(found[0]), f"base64-at-{found.start()}"
        if any(found.start() in place for place in taken) or _has_taken(_decoded(letters), path, haul):
            continue
        _has_taken(_decoded(letters[::-1]), path, haul)  # scripts turn the text round again


def _found(
    pattern: re.Pattern[bytes], data: bytes, may_stand: bytes, shortest: int
) -> Iterator[re.Match[bytes]]:
    """The matches of a pattern. A pattern looks at each word of a text, so only long runs of the right bytes are searched."""
    marks = data.translate(may_stand)
    end = 0
    while (start := marks.find(b"\1" * shortest, end)) >= 0:
        end = marks.find(b"\0", start)
        end = len(marks) if end < 0 else end
        yield from pattern.finditer(data, start, end)


def _letters(text: bytes) -> bytes:
    return NOT_BASE64.sub(b"", BETWEEN.sub(b"", text).rstrip(b"="))


def _decoded(letters: bytes) -> bytes:
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    try:
        return base64.b64decode(letters + b"=" * (-len(letters) % 4))
    except (binascii.Error, ValueError):
        return b""


def _listed(text: bytes) -> bytes:
    """The bytes of a list of numbers: negative ones count from the end, as in arrays of bytes."""
    values = (int(found[1], 16) if found[1] else int(found[2]) & LAST_BYTE for found in NUMBER.finditer(text))
    return bytes(values)


def _has_taken(content: bytes, path: str, haul: Haul) -> bool:
    content = activemime.unpacked(content)
    if len(content) < SHORTEST // 2 or find_signature(content[:HEAD_BYTES]) is None:
        return False
    if kind_of("", content) in ACTING and haul.begin(path, len(content), len(content)):
        haul.take(path, content, "smuggled")
    return True
