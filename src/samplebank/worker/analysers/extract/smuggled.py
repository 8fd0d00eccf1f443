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
#: shorter texts hold no program and no archive of interest
SHORTEST = 200
BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{4}(?:\s|\\[nr]|[\"']\s*\+\s*[\"'])*){50,}[A-Za-z0-9+/]{0,3}={0,2}")
HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){400,}")
#: for each byte, whether the byte may stand in a match of `BASE64` and of `HEX`, and the bytes of the shortest match
LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
OF_BASE64, SHORTEST_BASE64 = bytes(byte in LETTERS + b"=\\\"' \t\n\r\f\v" for byte in range(256)), 200
OF_HEX, SHORTEST_HEX = bytes(byte in b"0123456789abcdefABCDEF" for byte in range(256)), 800
BETWEEN = re.compile(rb"[\"']\s*\+\s*[\"']|\s|\\[nr]")
NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
ACTING = frozenset({Kind.PROGRAM, Kind.SCRIPT, Kind.DOCUMENT, Kind.ARCHIVE, Kind.MAIL, Kind.BINARY})


def open_smuggled(data: bytes, haul: Haul) -> None:
    """Take what long texts spell. Only types with an unmistakable beginning count: fonts and pictures pass."""
    for found in islice(_found(BASE64, data, OF_BASE64, SHORTEST_BASE64), MOST_TEXTS):
        _take(_decoded(found[0]), f"base64-at-{found.start()}", haul)
    for found in islice(_found(HEX, data, OF_HEX, SHORTEST_HEX), MOST_TEXTS):
        _take(bytes.fromhex(found[0].decode()), f"hex-at-{found.start()}", haul)


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


def _decoded(text: bytes) -> bytes:
    letters = NOT_BASE64.sub(b"", BETWEEN.sub(b"", text).rstrip(b"="))
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    try:
        return base64.b64decode(letters + b"=" * (-len(letters) % 4))
    except (binascii.Error, ValueError):
        return b""


def _take(content: bytes, path: str, haul: Haul) -> None:
    content = activemime.unpacked(content)
    if len(content) < SHORTEST // 2 or find_signature(content[:HEAD_BYTES]) is None:
        return
    if kind_of("", content) in ACTING and haul.begin(path, len(content), len(content)):
        haul.take(path, content, "smuggled")
