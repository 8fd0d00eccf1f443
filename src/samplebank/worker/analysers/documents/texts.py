"""Texts of Word in compound files: the fields, by the marks that stand in the text around each field."""

import re

from samplebank.worker.analysers.documents.fields import Fields
from samplebank.worker.analysers.documents.report import Report

#: where a field begins, where its value begins, where the field ends; and texts between the marks
BEGIN, SEPARATE, END = "\x13", "\x14", "\x15"
TOKEN = re.compile(r"[\x13-\x15]|[^\x13-\x15]{1,20000}")
MOST_TOKENS = 200_000


def read(stream: bytes, where: str, report: Report) -> None:
    """Read the fields of a text. A text in UTF-16 has zeros between the letters of commands, which are left out."""
    _read_fields(stream.decode("latin-1"), where, report)


def _read_fields(text: str, where: str, report: Report) -> None:
    if BEGIN not in text or END not in text:
        return
    fields = Fields(where, report)
    depth = 0
    place = text.find(BEGIN)
    for number, found in enumerate(TOKEN.finditer(text, place)):
        if number > MOST_TOKENS:
            break
        match found[0]:
            case "\x13":
                depth += 1
                fields.begin()
            case "\x14":
                fields.separate()
            case "\x15":
                depth = max(depth - 1, 0)
                fields.end()
            case words if depth:
                fields.text(words.replace("\0", ""))
            case _:
                pass
    fields.finish()
