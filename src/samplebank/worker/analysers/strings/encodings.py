"""Takes encoded content out of a text: Base64, hex, lists of numbers, encoded scripts; then packed and wide content.

Each function tells where the content stands, what it was encoded by, and the decoded bytes.
"""

import binascii
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import chain, islice

import msgspec

from samplebank.worker.analysers.strings import script_encoder
from samplebank.worker.analysers.strings.runs import is_text, narrowed

#: the fewest characters of Base64 and hex, alone and behind the name of a decoder
LEAST, LEAST_NAMED = 24, 8
#: encoded contents tried in a text
MOST_TRIED = 2000
MOST_BYTES = 16 * 1024 * 1024
#: characters decoded first, to see whether the rest is worth the work
TRIED_FIRST = 64
MAGICS = (
    b"MZ",
    b"\x7fELF",
    b"PK\x03\x04",
    b"%PDF-",
    b"\xd0\xcf\x11\xe0",
    b"Rar!\x1a",
    b"7z\xbc\xaf",
    b"MSCF",
    b"L\0\0\0\1\x14\2\0",
)
GZIP, ZLIB = b"\x1f\x8b\x08", (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
#: each byte as its kind, so that the search for a run is a search for fixed bytes
KINDS = bytes(
    ord("b")
    if byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    else ord("n")
    if byte in b"\r\n"
    else ord(".")
    for byte in range(256)
)
#: a run goes on in the next line behind a line of usual width
RUN = re.compile(rb"(?:b{60,76}n{1,2})++b{1,76}(?!b)|b++")
HEX = re.compile(rb"[0-9a-fA-F]+")
HEX_DIGITS = 2
#: the names of decoders, in small letters, and the way of the call
NAMED = tuple(
    (name, re.compile(name + rb"\s{0,5}\(\s{0,5}b?[\"']"))
    for name in (
        b"atob",
        b"frombase64string",
        b"b64decode",
        b"base64_decode",
        b"base64decode",
        b"decodebase64",
    )
)
ARGUMENT = re.compile(rb"([A-Za-z0-9+/]{8,23})={0,2}[\"']")
NUMBERS = re.compile(
    rb"\d(?<![\w.]\d)(?:(?<=0)x[0-9a-fA-F]{1,2}|\d{0,2})(?:\s{0,2}[,;:| ]\s{0,2}(?:0x[0-9a-fA-F]{1,2}|\d{1,3})){7,65535}(?![\w.])"
)
NUMBER = re.compile(rb"0x([0-9a-fA-F]{1,2})|(\d{1,3})")
#: words of texts that decode numbers: without such a word a list of numbers is a table
OF_NUMBERS = (
    b"fromcharcode",
    b"[char",
    b"chr(",
    b"chrw(",
    b"-join",
    b"xor",
    b"byte[",
    b"bytes(",
    b"bytearray(",
)
#: a key behind a sign; the search for a fixed sign is several times as fast as the search for either
KEYS = tuple(
    re.compile(sign + rb"\s{0,5}[\"'(]{0,2}(0x[0-9a-f]{1,2}|\d{1,3})\b") for sign in (rb"xor", rb"\^")
)
#: a variable with the key
KEY_NAME = re.compile(rb"xor\s{0,5}\(?\s{0,3}(\$?[a-z_]\w{0,60})")
KEY_VALUE = rb"(?<![\w$])%b\s{0,5}=\s{0,5}[\"'(]{0,2}(0x[0-9a-f]{1,2}|\d{1,3})\b"
MOST_KEYS = 4
OF_DEFLATE = (b"deflate", b"inflate")
BYTE = 256


class Encoded(msgspec.Struct, frozen=True):
    """Decoded content; `at` is the place in the text, `how` what decoded the content, in this order."""

    content: bytes
    how: tuple[str, ...]
    at: int


def encoded_in(text: bytes) -> Iterator[Encoded]:
    """The encoded contents of a text that are texts or files."""
    folded = text.lower()
    is_deflated, keys = _has(folded, OF_DEFLATE), _keys(folded)
    yield from _scripts(text)
    found = chain(
        _runs(text, is_deflated=is_deflated or bool(keys)),
        _named(text, folded),
        _numbers(text) if _has(folded, OF_NUMBERS) else (),
    )
    for one in islice(found, MOST_TRIED):
        yield from _opened(one, keys, is_deflated=is_deflated)


def _has(folded: bytes, words: tuple[bytes, ...]) -> bool:
    return any(word in folded for word in words)


def _scripts(text: bytes) -> Iterator[Encoded]:
    for start, block in script_encoder.blocks(text):
        yield Encoded(script_encoder.decoded(block), ("script encoder",), start)


def _runs(text: bytes, *, is_deflated: bool) -> Iterator[Encoded]:
    """Runs of Base64 and hex. What does not begin like a text or a file is left out early, where nothing hides the beginning."""
    kinds, needle, end = text.translate(KINDS), b"b" * LEAST, 0
    for _ in range(MOST_TRIED):
        start = kinds.find(needle, end)
        if start < 0:
            return
        run = RUN.match(kinds, start)
        end = run.end() if run else start + LEAST
        written = text[start:end].translate(None, b"\r\n")
        if HEX.fullmatch(written) and len(written) % HEX_DIGITS == 0:
            how, content = "hex", bytes.fromhex(written[:MOST_BYTES].decode())
        elif is_deflated or _is_promising(_from_base64(written[:TRIED_FIRST])):
            how, content = "base64", _from_base64(written)
        else:
            continue
        yield Encoded(content, (how,), start)


def _named(text: bytes, folded: bytes) -> Iterator[Encoded]:
    """Short runs of Base64 that the text hands to a decoder."""
    for call in (call for name, pattern in NAMED if name in folded for call in pattern.finditer(folded)):
        if argument := ARGUMENT.match(text, call.end()):
            yield Encoded(_from_base64(argument[1]), ("base64",), argument.start())


def _numbers(text: bytes) -> Iterator[Encoded]:
    for numbers in NUMBERS.finditer(text):
        values = [int(one[1], 16) if one[1] else int(one[2]) for one in NUMBER.finditer(numbers[0])]
        if max(values) < BYTE:
            yield Encoded(bytes(values), ("numbers",), numbers.start())


def _opened(found: Encoded, keys: list[int], *, is_deflated: bool) -> Iterator[Encoded]:
    """The content as a text or a file: unpacked, narrowed, or by a key that the text names."""
    if plain := _plain(found, is_deflated=is_deflated):
        yield plain
        return
    for key in keys:
        content = found.content.translate(_xor_table(key))
        if plain := _plain(Encoded(content, (*found.how, "xor"), found.at), is_deflated=is_deflated):
            yield plain
            return


@cache
def _xor_table(key: int) -> bytes:
    return bytes(byte ^ key for byte in range(BYTE))


def _plain(found: Encoded, *, is_deflated: bool) -> Encoded | None:
    content, how = found.content, found.how
    for name, window in _packings(content, is_deflated=is_deflated):
        if unpacked := _inflated(content, window):
            content, how = unpacked, (*how, name)
            break
    if wide := narrowed(content):
        return Encoded(wide, (*how, "utf-16"), found.at)
    if content.startswith(MAGICS) or (len(content) >= LEAST_NAMED - 2 and is_text(content)):
        return Encoded(content, how, found.at)
    return None


def _packings(content: bytes, *, is_deflated: bool) -> Iterator[tuple[str, int]]:
    if content.startswith(GZIP):
        yield "gzip", zlib.MAX_WBITS | 16
    elif content.startswith(ZLIB):
        yield "zlib", zlib.MAX_WBITS
    if is_deflated and not is_text(content):
        yield "deflate", -zlib.MAX_WBITS


def _inflated(content: bytes, window: int) -> bytes:
    with suppress(zlib.error):
        return zlib.decompressobj(window).decompress(content, MOST_BYTES)
    return b""


def _from_base64(written: bytes) -> bytes:
    whole = written[: len(written) - (len(written) % 4 == 1)]
    with suppress(binascii.Error):
        return binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))
    return b""


def _is_promising(start: bytes) -> bool:
    return start.startswith((*MAGICS, GZIP, *ZLIB)) or is_text(start) or narrowed(start) is not None


def _keys(folded: bytes) -> list[int]:
    written = sorted((key.start(), key[1]) for pattern in KEYS for key in pattern.finditer(folded))
    keys = chain((key for _, key in written), _named_keys(folded))
    found = (int(key, 16 if key.startswith(b"0x") else 10) for key in keys)
    return list(dict.fromkeys(key for key in found if 0 < key < BYTE))[:MOST_KEYS]


def _named_keys(folded: bytes) -> Iterator[bytes]:
    """The values of variables that are a key."""
    names = dict.fromkeys(name[1] for name in islice(KEY_NAME.finditer(folded), MOST_TRIED))
    for name in islice(names, MOST_KEYS):
        if value := re.search(KEY_VALUE % re.escape(name), folded):
            yield value[1]
