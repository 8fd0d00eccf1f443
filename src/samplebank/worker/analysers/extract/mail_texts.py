"""What stands in a mail for a reader: names and texts in the letters that the mail says."""

import codecs
import email.errors
import email.header
import html
import re
from email.message import Message

MOST_TEXT, MOST_OF_HEADER = 256 * 1024, 2000
#: what `email` raises for hostile headers
BROKEN = (
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    RecursionError,
    AssertionError,
    email.errors.MessageError,
)
#: a mark of HTML; a longer one is read as text
MARKUP = re.compile(r"<[^<>]{1,2000}>")
#: encodings of names of hosts, whose decoders take the square of the length
SLOW = frozenset({"idna", "punycode"})
USUAL = "utf-8"


def decoded_words(text: str) -> str:
    """A header whose encoded words (`=?utf-8?B?…?=`) are read. A broken header stays as it is."""
    if "=?" not in text or len(text) > MOST_OF_HEADER:
        return text
    try:
        parts = email.header.decode_header(text)
        return "".join(_letters(part, encoding or "latin-1") for part, encoding in parts)
    except BROKEN:
        return text


def readable(part: Message, content: bytes) -> str:
    """The text of a part of a mail, without the marks of HTML."""
    try:
        encoding = part.get_content_charset() or USUAL
    except BROKEN:
        encoding = USUAL
    text = _letters(content[:MOST_TEXT], encoding)
    return html.unescape(MARKUP.sub(" ", text)) if part.get_content_subtype() == "html" else text


def _letters(content: bytes | str, encoding: str) -> str:
    if isinstance(content, str):
        return content
    try:
        is_slow = codecs.lookup(encoding).name in SLOW
        return content.decode(USUAL if is_slow else encoding, "replace")
    except BROKEN:
        return content.decode(USUAL, "replace")
