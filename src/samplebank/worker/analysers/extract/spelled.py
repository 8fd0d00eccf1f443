"""Finds what stands for bytes in a text: Base64, hexadecimal digits, escapes and lists of numbers, also in many pieces."""

import base64
import binascii
import re
from collections.abc import Iterator
from itertools import islice

from samplebank.identification.signatures import find_signature

#: lists of numbers and escapes are searched in the first bytes, as both are read slowly
MOST_OF_LISTS = 32 * 1024 * 1024
BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{4}(?:\s|\\[nr]|[\"']\s*+\+\s*+[\"'])*+)++[A-Za-z0-9+/]{0,3}={0,2}")
#: with the two letters that are fit for addresses of the web
BASE64_OF_WEB = re.compile(rb"[A-Za-z0-9_-]{200,}")
#: lists of the values of bytes, such as `new Uint8Array([77, 90, 0x90])` and `Array(&H4D,&H5A)`
NUMBERS = re.compile(
    rb"(?:(?:(?:0[xX]|&[hH])[0-9a-fA-F]{1,2}|-?\d{1,3})\s*+,(?:\s*+_)?\s*+)++(?:(?:0[xX]|&[hH])[0-9a-fA-F]{1,2}|-?\d{1,3})?"
)
NUMBER = re.compile(rb"(?:0[xX]|&[hH])([0-9a-fA-F]{1,2})|(-?\d{1,3})")
HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){100,}+")
#: escapes of scripts, digits with a mark in between as in files of the registry
ESCAPED = re.compile(
    rb"(?i)(?:\\x[0-9a-f]{2}){200,}+|(?:\\u00[0-9a-f]{2}){200,}+|(?:%[0-9a-f]{2}){200,}+|"
    rb"[0-9a-f]{2}(?:(?:,\\?\s*+|[:-]|\s++)[0-9a-f]{2}){199,}+"
)
#: for each byte, whether the byte may stand in a match, and the bytes of the shortest match
LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
DIGITS, BLANKS = b"0123456789abcdefABCDEF", b" \t\n\r\f\v"
NO_LETTERS, NO_DIGITS = bytes(range(256)).translate(None, LETTERS), bytes(range(256)).translate(None, DIGITS)


def _table(allowed: bytes) -> bytes:
    return bytes(byte in allowed for byte in range(256))


OF_BASE64, SHORTEST_BASE64 = _table(LETTERS + b"=\\\"'" + BLANKS), 200
OF_HEX, SHORTEST_HEX = _table(DIGITS), 200
OF_WEB = _table(LETTERS[:-2] + b"-_")
OF_NUMBERS, SHORTEST_NUMBERS = _table(DIGITS + b"xX&hH-,_" + BLANKS), 400
OF_ESCAPES, SHORTEST_ESCAPES = _table(DIGITS + b"\\xXuU%,:-" + BLANKS), 599
#: letters of any match: most texts lack a run of the shortest length
OF_ANY = _table(LETTERS + b"=\\\"'-_,:%&" + BLANKS)
BETWEEN = re.compile(rb"[\"']\+[\"']|\\[nr]")
OWN_OF_WEB, FROM_WEB, LAST_BYTE = re.compile(rb"[-_]"), bytes.maketrans(b"-_", b"+/"), 0xFF
#: the word that ends a text, as `EOF`; a piece of the text itself, behind a few words
LAST_WORD, LONG_PIECE, WORDS_WITHIN = (
    re.compile(rb"\s[A-Za-z0-9+/]{1,3}\Z"),
    re.compile(rb"[A-Za-z0-9+/]{24}"),
    400,
)
#: a text in pieces, with the same words between all pieces, such as `s = s & "…"`; numbers between them may differ
OF_PIECE, SHORTEST_PIECE, FEWEST_PIECES, MOST_PIECES = _table(LETTERS), 24, 4, 100_000
LONGEST_BETWEEN, COUNTED = 160, re.compile(rb"\d+")
#: letters of a piece that tell whether a file begins there
MOST_OF_BEGIN = 4096


def has_spelled(data: bytes) -> bool:
    """Whether a text has a run of letters that is long enough for bytes, or for a piece of bytes."""
    if b"\1" * SHORTEST_BASE64 in data.translate(OF_ANY):
        return True
    return data.translate(OF_PIECE).count(b"\1" * SHORTEST_PIECE) >= FEWEST_PIECES


def beginnings(data: bytes) -> Iterator[bytes]:
    """The first bytes of what long letters, digits and lists of numbers spell. Letters may be turned round."""
    if not has_spelled(data):
        return
    for _, letters in base64_letters(data):
        bare = letters.rstrip(b"=")
        yield decoded(bare[:MOST_OF_BEGIN])
        yield decoded(bare[::-1][:MOST_OF_BEGIN])
    for find in (digits, lists):
        for _, spelling in find(data):
            yield spelling[:MOST_OF_BEGIN]


def base64_of_web(data: bytes) -> Iterator[tuple[range, bytes]]:
    for found in _found(BASE64_OF_WEB, data, OF_WEB, SHORTEST_BASE64):
        if OWN_OF_WEB.search(found[0]):
            yield range(*found.span()), found[0].translate(FROM_WEB)


def base64_letters(data: bytes) -> Iterator[tuple[range, bytes]]:
    for found in _found(BASE64, data, OF_BASE64, SHORTEST_BASE64):
        if len(found[0]) < SHORTEST_BASE64:
            continue
        last = LAST_WORD.search(found[0], len(found[0]) - 4)
        text = found[0][: last.start()] if last else found[0]
        yield range(*found.span()), _letters(text)
        begin = LONG_PIECE.search(text, 0, WORDS_WITHIN)
        if begin and begin.start():  # words before the text, as in `echo TVqQ…`
            yield range(*found.span()), _letters(text[begin.start() :])


def _letters(text: bytes) -> bytes:
    text = text.translate(None, BLANKS)
    if b"\\" in text or b'"' in text or b"'" in text:
        text = BETWEEN.sub(b"", text)
    return text.translate(None, NO_LETTERS)


def digits(data: bytes) -> Iterator[tuple[range, bytes]]:
    """The bytes of hexadecimal digits, with or without marks in between."""
    for found in _found(HEX, data, OF_HEX, SHORTEST_HEX):
        yield range(*found.span()), decoded(found[0])
    for found in _found(ESCAPED, data[:MOST_OF_LISTS], OF_ESCAPES, SHORTEST_ESCAPES):
        yield (
            range(*found.span()),
            decoded(found[0].lower().replace(b"\\u00", b"").translate(None, NO_DIGITS)),
        )


def lists(data: bytes) -> Iterator[tuple[range, bytes]]:
    """The bytes of lists of numbers: negative ones count from the end, as in arrays of bytes."""
    for found in _found(NUMBERS, data[:MOST_OF_LISTS], OF_NUMBERS, SHORTEST_NUMBERS):
        if len(found[0]) >= SHORTEST_NUMBERS:
            values = (
                int(one[1], 16) if one[1] else int(one[2]) & LAST_BYTE for one in NUMBER.finditer(found[0])
            )
            yield range(*found.span()), bytes(values)


def in_pieces(data: bytes) -> Iterator[tuple[range, bytes]]:
    """The letters of texts in pieces."""
    pieces: list[tuple[int, int]] = []
    between: bytes | None = None
    for start, end in islice(_runs(data, OF_PIECE, SHORTEST_PIECE), MOST_PIECES):
        near = pieces and start - pieces[-1][1] <= LONGEST_BETWEEN
        gap = COUNTED.sub(b"0", data[pieces[-1][1] : start]) if near else None
        if gap is None or between not in {None, gap}:
            yield from _joined(data, pieces)
            # a long word before the first piece has other words behind it
            pieces = pieces[-1:] if gap is not None else []
        between = gap
        pieces.append((start, end))
    yield from _joined(data, pieces)


def _joined(data: bytes, pieces: list[tuple[int, int]]) -> Iterator[tuple[range, bytes]]:
    if len(pieces) < FEWEST_PIECES or _begins_file(data[slice(*pieces[1])]):
        return
    (_, before), (start, end) = pieces[-2:]
    between = rb"\d+".join(map(re.escape, COUNTED.split(data[before:start])))
    last = re.compile(between + rb"([A-Za-z0-9+/]+)").match(data, end)  # the last piece is a short one
    text = b"".join(data[start:end] for start, end in pieces) + (last[1] if last else b"")
    if len(text) >= SHORTEST_BASE64:
        yield range(pieces[0][0], end), text


def _begins_file(letters: bytes) -> bool:
    """Whether a piece spells the beginning of a file by itself, as in a list of files."""
    found = find_signature(decoded(letters[:MOST_OF_BEGIN]))
    return found is not None and bool(found.magic)


def decoded(letters: bytes) -> bytes:
    """The bytes of letters of Base64, or of hexadecimal digits where there are no other letters; empty where they spell none."""
    if not letters.translate(None, DIGITS):
        return binascii.unhexlify(letters[: len(letters) // 2 * 2])
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    try:
        return base64.b64decode(letters + b"=" * (-len(letters) % 4))
    except (binascii.Error, ValueError):
        return b""


def _found(
    pattern: re.Pattern[bytes], data: bytes, may_stand: bytes, shortest: int
) -> Iterator[re.Match[bytes]]:
    """The matches of a pattern. A pattern looks at each word of a text, so only long runs of the right bytes are searched."""
    for start, end in _runs(data, may_stand, shortest):
        yield from pattern.finditer(data, start, end)


def _runs(data: bytes, may_stand: bytes, shortest: int) -> Iterator[tuple[int, int]]:
    """Where each run of the right bytes begins and ends."""
    marks = data.translate(may_stand)
    end = 0
    while (start := marks.find(b"\1" * shortest, end)) >= 0:
        end = marks.find(b"\0", start)
        end = len(marks) if end < 0 else end
        yield start, end
