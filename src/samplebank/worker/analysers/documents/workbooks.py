"""Workbooks of Excel 5 to 2003: sheets of macros with their formulas, names that run by themselves, and links. Source: MS-XLS."""

import struct
from collections.abc import Iterator

from samplebank.worker.analysers.documents import relations
from samplebank.worker.analysers.documents.excel4 import BUILT_IN, VISIBILITY, Excel4, Sheet
from samplebank.worker.analysers.documents.fields import note_command
from samplebank.worker.analysers.documents.formulas import EXCEL_5, EXCEL_97, Layout, cell_name, spelled
from samplebank.worker.analysers.documents.report import Report
from samplebank.worker.analysers.documents.targets import target_of

RECORD = struct.Struct("<HH")
BEGIN, SHEET, NAME, LINK_5, BOOK, LOCKED, CODE_PAGE = 0x0809, 0x0085, 0x0018, 0x0017, 0x01AE, 0x002F, 0x0042
FORMULAS = frozenset({0x0006, 0x0206, 0x0406})
#: kinds of a substream: a sheet of macros; the version of Excel 97
MACROS, EXCEL_97_VERSION = 0x0040, 0x0600
MACRO_SHEET, BUILT_IN_BIT = 1, 0x20
NAME_HEADER, FORMULA_HEADER = struct.Struct("<HBBHHHI"), struct.Struct("<HHH8sHIH")
MOST_RECORDS, MOST_LOCKED_AT = 500_000, 40
#: marks in the stored path of another file: the text of a command, a share
COMMAND_MARK, PATH_MARK, SHARE_MARK = "\x03", "\x01", "\x01@"


def records(stream: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Each record: its place, its kind, its content."""
    place = 0
    for _ in range(MOST_RECORDS):
        if place + RECORD.size > len(stream):
            return
        kind, size = RECORD.unpack_from(stream, place)
        yield place, kind, stream[place + RECORD.size : place + RECORD.size + size]
        place += RECORD.size + size


def is_encrypted(stream: bytes) -> bool:
    for number, (_, kind, _) in enumerate(records(stream)):
        if kind == LOCKED or number > MOST_LOCKED_AT:
            return kind == LOCKED
    return False


def read(stream: bytes, where: str, report: Report) -> None:
    reader = _Reader(where, report)
    for number, (place, kind, content) in enumerate(records(stream)):
        if number % 1000 == 0:
            report.go_on()
        if kind == LOCKED:
            return
        try:
            reader.read(place, kind, content)
        except (struct.error, IndexError, ValueError) as error:
            report.damage(f"record {kind:#x} at {place}", error)
    reader.macros.tell(report)


class _Reader:
    def __init__(self, where: str, report: Report) -> None:
        self._where, self._report = where, report
        self._layout: Layout = EXCEL_97
        self._sheets: dict[int, Sheet] = {}
        self._current: str | None = None
        self._names: dict[int, str] = {}
        self.macros = Excel4(where)

    def read(self, place: int, kind: int, content: bytes) -> None:
        if kind == BEGIN:
            self._begin(place, content)
        elif kind == SHEET:
            self._read_sheet(content)
        elif kind == NAME:
            self._read_name(content)
        elif kind in FORMULAS and self._current is not None:
            self._read_formula(content)
        elif kind == BOOK:
            (length,) = struct.unpack_from("<H", content, 2)
            self._note_path(_text(content[4:], length, is_flagged=True))
        elif kind == LINK_5 and self._layout is EXCEL_5:
            self._note_path(_text(content[1:], content[0], is_flagged=False))
        elif kind == CODE_PAGE:
            self._report.tell("codePage", int.from_bytes(content[:2], "little"))

    def _begin(self, place: int, content: bytes) -> None:
        version, kind = struct.unpack_from("<HH", content)
        self._layout = EXCEL_97 if version >= EXCEL_97_VERSION else EXCEL_5
        sheet = self._sheets.get(place)
        self._current = None
        if kind == MACROS:
            self._current = sheet.name if sheet else f"sheet at {place}"
            if sheet is None:
                self.macros.sheets.append(Sheet(self._current, VISIBILITY[0]))

    def _read_sheet(self, content: bytes) -> None:
        place, state, kind, length = struct.unpack_from("<IBBB", content)
        name = _text(content[7:], length, is_flagged=self._layout is EXCEL_97)
        sheet = Sheet(name, VISIBILITY[min(state & 3, 2)])
        self._sheets[place] = sheet
        if kind == MACRO_SHEET:
            self.macros.sheets.append(sheet)

    def _read_name(self, content: bytes) -> None:
        flags, _, length, size, _, _, _ = NAME_HEADER.unpack_from(content.ljust(NAME_HEADER.size, b"\0"))
        is_flagged = self._layout is EXCEL_97
        start = NAME_HEADER.size
        text = _text(content[start:], length, is_flagged=is_flagged)
        width = 2 if is_flagged and content[start : start + 1] and content[start] & 1 else 1
        end = start + (1 if is_flagged else 0) + width * length
        if flags & BUILT_IN_BIT and text:
            text = BUILT_IN.get(ord(text[0]), f"built-in {ord(text[0])}") + text[1:]
        self._names[len(self._names) + 1] = text
        self.macros.names[text] = spelled(content[end : end + size], self._layout, self._names)

    def _read_formula(self, content: bytes) -> None:
        row, column, _, _, _, _, size = FORMULA_HEADER.unpack_from(content)
        tokens = content[FORMULA_HEADER.size : FORMULA_HEADER.size + size]
        formula = spelled(tokens, self._layout, self._names)
        self.macros.add_cell(self._current or "", cell_name(row, column), f"={formula}")

    def _note_path(self, path: str) -> None:
        if COMMAND_MARK in path and path[:1] > COMMAND_MARK:
            note_command("dde", path.replace(COMMAND_MARK, "|", 1), self._where, self._report)
            return
        plain = path.replace(SHARE_MARK, "\\\\").replace(COMMAND_MARK, "\\")
        target = target_of("".join(character for character in plain if character >= " "))
        relations.note_outside("workbook", target, self._where, self._report, finds="link-to-workbook")


def _text(content: bytes, length: int, *, is_flagged: bool) -> str:
    if not is_flagged:
        return content[:length].decode("cp1252", "replace")
    if content[:1] and content[0] & 1:
        return content[1 : 1 + 2 * length].decode("utf-16-le", "replace")
    return content[1 : 1 + length].decode("latin-1")
