"""Reads DER, as far as signatures need: elements with their bytes. Anything else than strict lengths is refused."""

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

SEQUENCE, SET, OCTETS, OID, INTEGER, UTC_TIME, TIME = 0x30, 0x31, 0x04, 0x06, 0x02, 0x17, 0x18
LONG_LENGTH, MOST_LENGTH_BYTES, HIGH_TAG = 0x80, 4, 0x1F
CONTINUED, OID_ROOT, OID_BITS = 0x80, 40, 7
MOST_ELEMENTS = 5000
CENTURY, TURN = 100, 50


class Damaged(ValueError):
    """The bytes are not what they should be."""


class Element(msgspec.Struct, frozen=True):
    """An element: its tag, its content, and all its bytes."""

    tag: int
    content: bytes
    raw: bytes

    def parts(self) -> list["Element"]:
        return list(elements(self.content))

    def expect(self, tag: int) -> "Element":
        if self.tag != tag:
            raise Damaged(f"The tag is {self.tag}, not {tag}.")
        return self


def read(content: bytes) -> Element:
    """The first element. What follows the element is left."""
    return _element(content, 0)


def elements(content: bytes) -> Iterator[Element]:
    at = 0
    for _ in range(MOST_ELEMENTS):
        if at >= len(content):
            return
        element = _element(content, at)
        at += len(element.raw)
        yield element
    raise Damaged("There are too many elements.")


def _element(content: bytes, at: int) -> Element:
    head = content[at : at + 2]
    if len(head) < len(b"tl") or head[0] & HIGH_TAG == HIGH_TAG:
        raise Damaged("There is no element.")
    start, length = at + 2, head[1]
    if length >= LONG_LENGTH:
        count = length - LONG_LENGTH
        if not 0 < count <= MOST_LENGTH_BYTES:
            raise Damaged("The length is not definite.")
        length = int.from_bytes(content[start : start + count], "big")
        start += count
    end = start + length
    if end > len(content):
        raise Damaged("The element is cut off.")
    return Element(head[0], content[start:end], content[at:end])


def oid(element: Element) -> str:
    """An object identifier in dotted form."""
    numbers, value = [], 0
    for byte in element.expect(OID).content:
        value = (value << OID_BITS) | (byte & ~CONTINUED)
        if not byte & CONTINUED:
            numbers.append(value)
            value = 0
    if not numbers:
        raise Damaged("The object identifier is empty.")
    first = min(numbers[0] // OID_ROOT, 2)
    return ".".join(map(str, (first, numbers[0] - OID_ROOT * first, *numbers[1:])))


def time(element: Element) -> datetime:
    """A time in UTC. Fractions of a second are dropped."""
    text = element.content.decode("ascii").removesuffix("Z").partition(".")[0]
    if element.tag == UTC_TIME:
        year = int(text[:2])
        text = f"{20 if year < TURN else 19}{text}"
    elif element.tag != TIME:
        raise Damaged("This is no time.")
    return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
