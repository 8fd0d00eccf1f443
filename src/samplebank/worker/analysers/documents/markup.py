"""Reads tags of XML without a parser: a damaged or hostile part still gives the tags before and after the damage.

Each pattern is linear: no value of an attribute holds `<`.
"""

import html
import re
from collections.abc import Callable, Iterator
from functools import lru_cache

import msgspec

#: a name with an optional prefix, such as `w:fldChar`
PREFIX = rb"(?:[\w.-]{1,60}:)?"
REST = rb"""((?:[^<>"']++|"[^<"]*+"|'[^<']*+')*+)>([^<]*+)"""
ATTRIBUTE = re.compile(rb"""(?:[\w.-]{1,60}:)?([\w.-]{1,60})\s*+=\s*+(?:"([^"]*+)"|'([^']*+)')""")
COMMENT, COMMENT_END = b"<!--", b"-->"
MARKED, MARKED_END = b"<![CDATA[", b"]]>"
MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"<\0": "utf-16-le", b"\0<": "utf-16-be"}


class Tag(msgspec.Struct, frozen=True):
    """A tag without its prefix. `text` is what stands between the tag and the next tag."""

    name: str
    is_end: bool
    attributes: dict[str, str]
    text: str


def prepared(content: bytes) -> bytes:
    """The content in UTF-8, without comments, and with marked text spelled as plain text."""
    encoding = MARKS.get(content[:2])
    if encoding is not None:
        content = content.decode(encoding, "replace").encode("utf-8", "replace")
    content = _replaced(content, COMMENT, COMMENT_END, lambda _: b"")
    return _replaced(content, MARKED, MARKED_END, _escaped)


def _replaced(content: bytes, start: bytes, end: bytes, replacement: Callable[[bytes], bytes]) -> bytes:
    """Replace what stands between each start and its end. A start without an end stays."""
    place = content.find(start)
    if place < 0:
        return content
    pieces, done = [], 0
    while place >= 0 and (behind := content.find(end, place + len(start))) >= 0:
        pieces += [content[done:place], replacement(content[place + len(start) : behind])]
        done = behind + len(end)
        place = content.find(start, done)
    return b"".join([*pieces, content[done:]])


def _escaped(text: bytes) -> bytes:
    return text.replace(b"&", b"&amp;").replace(b"<", b"&lt;")


@lru_cache(maxsize=64)
def _pattern(names: tuple[str, ...]) -> re.Pattern[bytes]:
    joined = b"|".join(re.escape(name.encode()) for name in names)
    return re.compile(rb"<(/?)" + PREFIX + rb"(" + joined + rb")(?=[\s/>])" + REST)


def tags(content: bytes, *names: str) -> Iterator[Tag]:
    """The tags of these names, in their order. The content is `prepared`."""
    for found in _pattern(names).finditer(content):
        yield Tag(found[2].decode(), bool(found[1]), attributes_of(found[3]), unescaped(found[4]))


def attributes_of(rest: bytes) -> dict[str, str]:
    return {
        match[1].decode("ascii", "replace"): unescaped(match[2] if match[2] is not None else match[3])
        for match in ATTRIBUTE.finditer(rest)
    }


def unescaped(text: bytes) -> str:
    return html.unescape(text.decode("utf-8", "replace"))
