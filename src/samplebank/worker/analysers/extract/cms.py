"""Content that stands inside of its signature (CMS, PKCS #7): opaque mails of S/MIME, and files of the kind `bill.pdf.p7m`."""

import base64
import binascii
import re

#: signed data, with a length of any form
MARK = re.compile(
    rb"\A\x30(?:\x80|[\x81-\x84].{1,4}?|[^\x80-\xff])\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", re.DOTALL
)
#: data for the holders of a key, without and with a check
ENVELOPED = re.compile(
    rb"\A\x30(?:\x80|[\x81-\x84].{1,4}?|[^\x80-\xff])\x06(?:\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03|"
    rb"\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17)",
    re.DOTALL,
)
LETTERS = re.compile(rb"\A\s{0,40}-----BEGIN (?:PKCS7|CMS)-----\s([A-Za-z0-9+/=\s]+)-----END ")
#: the kind of a content that is plain bytes
PLAIN = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
OCTETS, OCTETS_IN_PARTS, SEQUENCE, EXPLICIT = 0x04, 0x24, 0x30, 0xA0
LONG_LENGTH, MOST_LENGTH_BYTES = 0x80, 4
MOST_DEEP = 8
END = b"\0\0"
HEAD_BYTES = 64


def is_enveloped(data: bytes) -> bool:
    """Whether the data are encrypted for the holders of a key: no password opens them."""
    return ENVELOPED.match(data[:HEAD_BYTES]) is not None


def content_of(data: bytes) -> bytes | None:
    """The bytes that are signed. None where the data is no signed data, or where the content stands elsewhere."""
    try:
        found = LETTERS.match(data)
        data = base64.b64decode(found[1]) if found else data
        return _content(data) if MARK.match(data[:HEAD_BYTES]) else None
    except (IndexError, ValueError, binascii.Error):
        return None


def _content(data: bytes) -> bytes | None:
    at = _inside(data, _behind(data, _inside(data, 0, SEQUENCE)), EXPLICIT)
    at = _inside(data, at, SEQUENCE)
    version_and_digests = 2
    for _ in range(version_and_digests):
        at = _behind(data, at)
    at = _inside(data, at, SEQUENCE)
    if not data.startswith(PLAIN, at):
        return None
    tag, start, end = _element(data, _inside(data, at + len(PLAIN), EXPLICIT))
    if tag == OCTETS:
        return data[start:end]
    return _joined(data, start, end) if tag == OCTETS_IN_PARTS else None


def _joined(data: bytes, at: int, end: int | None) -> bytes:
    pieces = []
    while at != end and not (end is None and data.startswith(END, at)):
        tag, start, stop = _element(data, at)
        if tag != OCTETS or stop is None:
            raise ValueError
        pieces.append(data[start:stop])
        at = stop
    return b"".join(pieces)


def _inside(data: bytes, at: int, expected: int) -> int:
    """Where the content of an element begins."""
    tag, start, _ = _element(data, at)
    if tag != expected:
        raise ValueError
    return start


def _behind(data: bytes, at: int, depth: int = 0) -> int:
    """Where an element ends."""
    _, start, end = _element(data, at)
    if end is not None:
        return end
    if depth > MOST_DEEP:
        raise ValueError
    while not data.startswith(END, start):
        start = _behind(data, start, depth + 1)
    return start + len(END)


def _element(data: bytes, at: int) -> tuple[int, int, int | None]:
    """The tag of an element, and where its content begins and ends. An end that only a mark tells is None."""
    tag, length, start = data[at], data[at + 1], at + 2
    if length == LONG_LENGTH:
        return tag, start, None
    if length > LONG_LENGTH:
        count = length - LONG_LENGTH
        if count > MOST_LENGTH_BYTES:
            raise ValueError
        length = int.from_bytes(data[start : start + count], "big")
        start += count
    if start + length > len(data):
        raise ValueError
    return tag, start, start + length
