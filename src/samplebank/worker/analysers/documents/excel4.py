"""What Excel 4 macros do: names that run by themselves, hidden sheets, and functions that start programs."""

import re

import msgspec

from samplebank.worker.analysers.documents.hidden import find_hidden
from samplebank.worker.analysers.documents.report import Report

VISIBILITY = ("visible", "hidden", "very hidden")
#: names that run a macro when something happens to the workbook; by number, as stored
BUILT_IN = {1: "Auto_Open", 2: "Auto_Close", 10: "Auto_Activate", 11: "Auto_Deactivate"}
AUTOSTART = re.compile(r"(?i)(?:_xlnm[._])?auto_(?:open|close|activate|deactivate)")
ACTS = re.compile(
    r"(?i)\b(?:EXEC|CALL|REGISTER|EXECUTE|INITIATE|VBA\.INSERT\.FILE|SEND\.KEYS)\s*\(|\b(?:URLDownloadToFile|ShellExecute|WinExec|"
    r"CreateProcess|VirtualAlloc|powershell|rundll32|regsvr32|mshta|cmd\s+/c)"
)
DISGUISE = re.compile(r"(?i)\bFORMULA(?:\.FILL|\.ARRAY)?\s*\(|\bSET\.VALUE\s*\(")
CODES = re.compile(r"(?i)\bCHAR\s*\(")
MOST_CODES, MOST_DETAIL = 20, 5
MOST_CELLS, MOST_EVIDENCE = 100, 20_000


class Sheet(msgspec.Struct, frozen=True):
    name: str
    visibility: str


class Excel4:
    """The macros of one workbook."""

    def __init__(self, where: str) -> None:
        self._where = where
        self.sheets: list[Sheet] = []
        self.names: dict[str, str] = {}
        self.cells: list[tuple[str, str, str]] = []
        self.cell_count = 0

    def add_cell(self, sheet: str, cell: str, formula: str) -> None:
        self.cell_count += 1
        if len(self.cells) < MOST_EVIDENCE:
            self.cells.append((sheet, cell, formula))

    def tell(self, report: Report) -> None:
        """Write what was found into the report. A workbook without a sheet of macros tells nothing."""
        if not self.sheets and not self.cells:
            return
        text = "\n".join(formula for _, _, formula in self.cells)
        report.texts.append(text)
        report.excel4 = self
        report.find("excel4-macros", self._where, ", ".join(sheet.name for sheet in self.sheets))
        report.part("disguise", lambda: find_hidden(text, self._where, report))
        starting = [name for name in self.names if AUTOSTART.match(name)]
        if starting:
            report.find("excel4-autostart", self._where, ", ".join(starting))
        if hidden := [sheet.name for sheet in self.sheets if sheet.visibility != VISIBILITY[0]]:
            report.find("excel4-hidden-sheet", self._where, ", ".join(hidden))
        if acts := [formula for _, _, formula in self.cells if ACTS.search(formula)]:
            report.find("excel4-runs-programs", self._where, "; ".join(acts[:MOST_DETAIL]))
        if DISGUISE.search(text) or len(CODES.findall(text)) >= MOST_CODES:
            report.find("excel4-is-disguised", self._where)
