"""Sheets in the text format SYLK, which may hold Excel 4 macros."""

from samplebank.worker.analysers.documents.excel4 import VISIBILITY, Excel4, Sheet
from samplebank.worker.analysers.documents.formulas import cell_name
from samplebank.worker.analysers.documents.report import Report

MOST_LINES = 200_000
SEMICOLON = "\x1b"
OPTIONS, NAME, CELL, FORMULA, EXPRESSION = "O", "NN", "C", "F", "E"


def read(text: str, report: Report) -> None:
    macros = Excel4("sheet")
    row = column = 1
    formulas: list[tuple[int, int, str]] = []
    is_macro = False
    for number, line in enumerate(text.splitlines()):
        if number > MOST_LINES:
            break
        kind, *parts = (part.replace(SEMICOLON, ";") for part in line.replace(";;", SEMICOLON).split(";"))
        values = {part[:1]: part[1:] for part in parts}
        if kind == OPTIONS:
            is_macro = is_macro or EXPRESSION in values
        elif kind == NAME:
            macros.names[values.get("N", "")] = values.get(EXPRESSION, "")
        elif kind in {CELL, FORMULA}:
            row, column = _number(values.get("Y"), row), _number(values.get("X"), column)
            if kind == CELL and EXPRESSION in values:
                formulas.append((row, column, values[EXPRESSION]))
    if is_macro:
        macros.sheets.append(Sheet("sheet", VISIBILITY[0]))
        for row, column, formula in formulas:
            macros.add_cell("sheet", cell_name(row - 1, column - 1), f"={formula}")
        macros.tell(report)


def _number(text: str | None, before: int) -> int:
    return max(int(text), 1) if text and text.isdecimal() and len(text) < 8 else before  # noqa: PLR2004
