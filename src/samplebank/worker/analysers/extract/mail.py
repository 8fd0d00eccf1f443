"""Attachments of mails, with the words of the mail that may open the attachments."""

import base64
import email
import email.policy
import quopri
import re
from collections.abc import Iterator
from email.message import Message

from samplebank.worker.analysers.extract import activemime, mail_texts, text_encodings
from samplebank.worker.analysers.extract.haul import Haul
from samplebank.worker.analysers.extract.kinds import BEFORE_MAIL
from samplebank.worker.analysers.extract.passwords import words_in

MOST_MAILS = 500
#: the line before each mail in a file of mails
BETWEEN = re.compile(rb"(?:\A|\n\r?\n|\n)From [^\r\n]{1,200}\d{2}:\d{2}[^\r\n]{0,40}\r?\n")
ENCODING, COMMENT = "Content-Transfer-Encoding", re.compile(r"\([^()]{0,200}\)")
#: `email` appends bytes to files in these encodings
UU_ENCODINGS = frozenset({"uuencode", "x-uuencode", "uue", "x-uue"})
#: encodings that no mail within a mail may have, by the standard, and that some programs use
DECODERS = {"base64": base64.decodebytes, "quoted-printable": quopri.decodestring}
BROKEN = mail_texts.BROKEN


def open_mail(data: bytes, haul: Haul) -> None:
    """Take the attachments of a mail, and the mails within. Bodies without a name are listed, or kept where they act."""
    message = email.message_from_bytes(BEFORE_MAIL.sub(b"", data), policy=email.policy.compat32)
    words = "\n".join(words_in(_texts(message))) or None
    for number, part in enumerate(_leaves(message)):
        name = _name_of(part) or f"part-{number}{_ending(part)}"
        if not haul.begin(name):
            continue
        try:
            content = activemime.unpacked(_bytes_of(part))
            haul.take(name, content, "mail", password=words)
            if part.get_content_maintype() == "text":
                text_encodings.take_files(content, haul, words)
        except BROKEN as error:
            haul.fail(name, 0, error)


def open_mailbox(data: bytes, haul: Haul) -> None:
    """Take the attachments of the mails in a file of mails (mbox)."""
    for number, one in enumerate(BETWEEN.split(data, maxsplit=MOST_MAILS + 1)):
        if number >= MOST_MAILS:
            return
        if one:
            open_mail(one, haul)


def _leaves(message: Message) -> Iterator[Message]:
    """The parts that hold bytes. A mail within a mail is a leaf: the mail becomes a sample of its own."""
    pending = [message]
    while pending:
        part = pending.pop(0)
        if part is not message and part.get_content_maintype() == "message":
            yield part
        elif part.is_multipart():
            pending[:0] = [one for one in part.get_payload() if isinstance(one, Message)]
        else:
            yield part


def _bytes_of(part: Message) -> bytes:
    if part.get_content_maintype() == "message":
        return _mail_within(part)
    encoding = _encoding(part)
    if encoding in UU_ENCODINGS:
        return text_encodings.uu_decoded(str(part.get_payload()).encode("ascii", "replace"))
    if encoding in DECODERS:  # `email` knows the plain word only
        part.replace_header(ENCODING, encoding)
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _mail_within(part: Message) -> bytes:
    """The bytes of a mail within a mail. `email` reads the letters of an encoded mail as the mail."""
    inner = part.get_payload()
    first = inner[0] if isinstance(inner, list) and inner else None
    if not isinstance(first, Message):
        return b""
    # Without a longest line, `email` leaves long headers as they are.
    content = first.as_bytes(policy=email.policy.compat32.clone(max_line_length=None))
    decode = DECODERS.get(_encoding(part))
    is_encoded = decode is not None and (not first.keys() or _encoding(part) == "quoted-printable")
    return decode(content) if decode is not None and is_encoded else content


def _encoding(part: Message) -> str:
    return COMMENT.sub("", str(part.get(ENCODING, ""))).strip(" \t\r\n\"';").lower()


def _name_of(part: Message) -> str:
    """The name of an attachment, or the last part of the address of a part of a web page."""
    try:
        name = part.get_filename() or str(part.get("Content-Location", "")).rpartition("/")[2]
    except BROKEN:
        return ""
    return mail_texts.decoded_words(str(name))


def _ending(part: Message) -> str:
    kinds = {"text/html": ".html", "text/plain": ".txt", "message/rfc822": ".eml"}
    return kinds.get(part.get_content_type(), "")


def _texts(message: Message) -> str:
    """The subject and the readable texts of a mail, for words that are said to be passwords."""
    texts = [mail_texts.decoded_words(str(message.get("Subject", "")))]
    for part in _leaves(message):
        if part.get_content_maintype() == "text" and sum(map(len, texts)) < mail_texts.MOST_TEXT:
            texts.append(mail_texts.readable(part, _bytes_of(part)))
    return "\n".join(texts)
