"""The facts of documents that are compound files: author, times, template. Source: MS-OLEPS.

The reader of olefile believes a count of a damaged file, and goes on for hours.
"""

import struct
from collections.abc import Iterator, Mapping
from datetime import timedelta

from samplebank.worker.analysers.documents.report import Report
from samplebank.worker.analysers.documents.times import moment
from samplebank.worker.contract import JSON

#: streams of facts, with the names of the facts by number
STREAMS: Mapping[str, Mapping[int, str]] = {
    "\x05summaryinformation": {
        2: "title",
        3: "subject",
        4: "creator",
        5: "keywords",
        6: "description",
        7: "template",
        8: "lastModifiedBy",
        9: "revision",
        10: "totalTime",
        11: "printed",
        12: "created",
        13: "modified",
        18: "application",
    },
    "\x05documentsummaryinformation": {14: "manager", 15: "company", 28: "version"},
}
CODE_PAGE, DURATION, UTF_8 = 1, 10, 65001
HEADER_BYTES, SET, PAIR = 28, struct.Struct("<16sI"), struct.Struct("<II")

MOST_FACTS, LONGEST = 200, 2000


def read(stream: bytes, names: Mapping[int, str], report: Report) -> None:
    """Read a stream of facts. A damaged fact is left out."""
    values = dict(_values(stream))
    page = values.get(CODE_PAGE)
    code_page = page & 0xFFFF if isinstance(page, int) else 0
    if code_page:
        report.tell("codePage", code_page)
    for number, name in names.items():
        value = values.get(number)
        if isinstance(value, bytes):
            report.tell(name, _decoded(value, code_page).partition("\0")[0].strip())
        else:
            report.tell(name, value)


def _values(stream: bytes) -> Iterator[tuple[int, JSON]]:
    if len(stream) < HEADER_BYTES + SET.size:
        return
    _, start = SET.unpack_from(stream, HEADER_BYTES)
    if start + PAIR.size > len(stream):
        return
    _, count = PAIR.unpack_from(stream, start)
    for at in range(min(count, MOST_FACTS)):
        place = start + PAIR.size * (at + 1)
        if place + PAIR.size > len(stream):
            return
        number, offset = PAIR.unpack_from(stream, place)
        try:
            yield number, _value(stream, start + offset, number)
        except (struct.error, OverflowError, ValueError):
            continue


def _value(stream: bytes, place: int, number: int) -> JSON:
    (kind,) = struct.unpack_from("<I", stream, place)
    place += 4
    match kind & 0xFFFF:
        case 2:
            return int(struct.unpack_from("<h", stream, place)[0])
        case 3:
            return int(struct.unpack_from("<i", stream, place)[0])
        case 30:
            (size,) = struct.unpack_from("<I", stream, place)
            return stream[place + 4 : place + 4 + min(size, LONGEST)]
        case 31:
            (size,) = struct.unpack_from("<I", stream, place)
            text = stream[place + 4 : place + 4 + 2 * min(size, LONGEST)]
            return text.decode("utf-16-le", "replace").partition("\0")[0]
        case 64:
            (ticks,) = struct.unpack_from("<Q", stream, place)
            return str(timedelta(microseconds=ticks // 10)) if number == DURATION else moment(ticks)
        case _:
            return None


def _decoded(value: bytes, code_page: int) -> str:
    try:
        return value.decode("utf-8" if code_page == UTF_8 else f"cp{code_page or 1252}", "replace")
    except LookupError:
        return value.decode("cp1252", "replace")
