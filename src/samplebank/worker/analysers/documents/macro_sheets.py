"""Sheets of Excel 4 macros in workbooks that are ZIP files, in XML and in binary records (XLSB). Source: MS-XLSB."""

import posixpath
import struct
from collections.abc import Iterator, Mapping
from functools import partial

from samplebank.worker.analysers.documents.excel4 import VISIBILITY, Excel4, Sheet
from samplebank.worker.analysers.documents.fields import note_command
from samplebank.worker.analysers.documents.formulas import EXCEL_2007, cell_name, spelled
from samplebank.worker.analysers.documents.markup import tags
from samplebank.worker.analysers.documents.package import Package
from samplebank.worker.analysers.documents.report import Report

FOLDER, RELATION, LINKS = "xl/macrosheets/", "macrosheet", "xl/externallinks/"
WORKBOOK = "xl/workbook"
ROW, SHEET, NAME, BOOK = 0, 156, 39, 360
#: cells with a formula by the kind of their value, with the bytes of the value; None for a text
FORMULAS = {8: None, 9: 8, 10: 1, 11: 1}
CELL_BYTES, DDE = 8, 1
MOST_RECORDS = 500_000
LENGTH = struct.Struct("<I")


def read(package: Package, report: Report) -> None:
    macros = Excel4(WORKBOOK)
    relations = _relations(package)
    parts = {path for path, kind in relations.values() if RELATION in kind} | set(package.beginning(FOLDER))
    if parts:
        sheets: dict[str, Sheet] = {}
        names = _read_workbook(package, relations, macros, sheets)
        named = {path: sheet for path, sheet in sheets.items() if path in parts}
        for part in sorted(
            part for part in parts if part.endswith((".xml", ".bin")) and "binaryindex" not in part
        ):
            sheet = named.get(part) or Sheet(part.rpartition("/")[2], VISIBILITY[0])
            macros.sheets.append(sheet)
            if part.endswith(".xml"):
                _read_markup(package.markup(part), sheet, macros)
            else:
                report.part(part, partial(_read_records, package.read(part), sheet, macros, names))
        macros.tell(report)
    for part in package.beginning(LINKS):
        if part.endswith(".bin"):
            report.part(part, partial(_read_link, package.read(part), part, report))


def _relations(package: Package) -> dict[str, tuple[str, str]]:
    """The parts that a workbook names: path and type by identifier."""
    found = {}
    for name in package.beginning("xl/_rels/workbook"):
        for tag in tags(package.markup(name), "Relationship"):
            path = (
                posixpath.normpath(posixpath.join("xl", tag.attributes.get("Target", ""))).lower().lstrip("/")
            )
            found[tag.attributes.get("Id", "")] = (path, tag.attributes.get("Type", "").lower())
    return found


def _read_workbook(
    package: Package, relations: dict[str, tuple[str, str]], macros: Excel4, sheets: dict[str, Sheet]
) -> dict[int, str]:
    """Read the sheets and the names. Return the names by number: several sheets may each have a name of their own that is spelled alike."""
    numbered: dict[int, str] = {}
    for tag in tags(package.markup(f"{WORKBOOK}.xml"), "sheet", "definedName"):
        if tag.is_end:
            continue
        name = tag.attributes.get("name", "")
        if tag.name == "definedName":
            macros.names[name] = tag.text
        elif (identifier := tag.attributes.get("id", "")) in relations:
            state = tag.attributes.get("state", "visible")
            sheets[relations[identifier][0]] = Sheet(name, "very hidden" if state == "veryHidden" else state)
    for kind, content in _records(package.read(f"{WORKBOOK}.bin")):
        if kind == SHEET:
            identifier, place = _wide(content, 8)
            name, _ = _wide(content, place)
            path = relations.get(identifier, ("", ""))[0]
            sheets[path] = Sheet(name, VISIBILITY[min(LENGTH.unpack_from(content)[0], 2)])
        elif kind == NAME:
            name, place = _wide(content, 9)
            (size,) = LENGTH.unpack_from(content, place)
            macros.names[name] = spelled(content[place + 4 : place + 4 + size], EXCEL_2007, {})
            numbered[len(numbered) + 1] = name
    return numbered


def _read_markup(content: bytes, sheet: Sheet, macros: Excel4) -> None:
    cell = ""
    for tag in tags(content, "c", "f"):
        if tag.is_end:
            continue
        if tag.name == "c":
            cell = tag.attributes.get("r", "")
        elif tag.text:
            macros.add_cell(sheet.name, cell, f"={tag.text}")


def _read_records(content: bytes, sheet: Sheet, macros: Excel4, names: Mapping[int, str]) -> None:
    row = 0
    for kind, record in _records(content):
        if kind == ROW and len(record) >= LENGTH.size:
            (row,) = LENGTH.unpack_from(record)
        elif kind in FORMULAS and len(record) > CELL_BYTES:
            width = FORMULAS[kind]
            place = CELL_BYTES + width if width is not None else _wide(record, CELL_BYTES)[1]
            (size,) = LENGTH.unpack_from(record, place + 2)
            tokens = record[place + 6 : place + 6 + size]
            cell = cell_name(row, LENGTH.unpack_from(record)[0])
            macros.add_cell(sheet.name, cell, f"={spelled(tokens, EXCEL_2007, names)}")


def _read_link(content: bytes, part: str, report: Report) -> None:
    for kind, record in _records(content):
        if kind == BOOK and record[:2] == DDE.to_bytes(2, "little"):
            service, place = _wide(record, 2)
            topic, _ = _wide(record, place)
            note_command("dde", f"{service}|{topic}", part, report)


def _records(content: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    for _ in range(MOST_RECORDS):
        kind, place = _number(content, place, 2)
        size, place = _number(content, place, 4)
        if place > len(content):
            return
        yield kind, content[place : place + size]
        place += size


def _number(content: bytes, place: int, most: int) -> tuple[int, int]:
    """A number in seven bits a byte, and the place behind."""
    value = 0
    for shift in range(most):
        byte = content[place] if place < len(content) else 0
        place += 1
        value |= (byte & 0x7F) << 7 * shift
        if not byte & 0x80:
            break
    return value, place


def _wide(record: bytes, place: int) -> tuple[str, int]:
    """A text with its length in characters before, and the place behind."""
    (length,) = LENGTH.unpack_from(record, place)
    length = 0 if length == 0xFFFFFFFF else length  # noqa: PLR2004 -- no text
    end = place + LENGTH.size + 2 * length
    return record[place + LENGTH.size : end].decode("utf-16-le", "replace"), end
