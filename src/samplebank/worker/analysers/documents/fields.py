"""Fields of texts and formulas of sheets that ask other programs for data (DDE), however the words are split up."""

import re

from samplebank.worker.analysers.documents import relations
from samplebank.worker.analysers.documents.markup import tags
from samplebank.worker.analysers.documents.report import Report
from samplebank.worker.analysers.documents.targets import Reach, target_of

#: fields within fields, fields of a part, and characters of a field
DEEPEST, MOST_FIELDS, LONGEST_FIELD = 20, 20_000, 20_000
DDE = re.compile(r"\s*(DDE(?:AUTO)?)\b(.*)", re.IGNORECASE | re.DOTALL)
#: codes of characters that spell a text, a text kept under a name, and the text of a name
QUOTED = re.compile(r"\s*QUOTE((?:\s+\d{1,3})+)", re.IGNORECASE)
SET = re.compile(r'\s*SET\s+"?([^\s"]{1,60})"?\s+"?([^"]{0,4000})"?', re.IGNORECASE)
REFERENCE = re.compile(r'\s*REF\s+"?([^\s"]{1,60})', re.IGNORECASE)
#: fields that fetch a file when the text is opened, with what each finds
FETCHING = {
    "includetext": "remote-frame",
    "includepicture": "remote-picture",
    "import": "remote-picture",
    "include": "remote-frame",
    "link": "remote-object",
}
FETCH = re.compile(r"\s*(INCLUDETEXT|INCLUDEPICTURE|INCLUDE|IMPORT|LINK)\b(.*)", re.IGNORECASE | re.DOTALL)
#: the words behind the name of a field, of which some stand in quotes
WORDS = re.compile(r'"([^"]{1,2000})"|([^\s"]{1,2000})')
MOST_WORDS = 4
PROGRAMS = re.compile(
    r"(?i)(?:\b(?:cmd|powershell|pwsh|mshta|wscript|cscript|rundll32|regsvr32|certutil|bitsadmin|msiexec|forfiles|schtasks|"
    r"explorer|bash|sh|curl|wmic|msbuild|installutil|regasm|conhost|pcalua|hh)\b|\.(?:exe|com|bat|cmd|scr|vbs|js|ps1|hta|dll)\b)"
)
#: what follows the name of a program in a formula: |'the order'!A0
ORDER = re.compile(r"\|\s{0,5}'([^'\r\n]{1,2000})'!\s{0,5}[A-Za-z_0-9$']")
SERVER = re.compile(r"[\w\\/:.$%-]{1,100}$")
CELL = re.compile(r"""(?:^|[\n,;\t"'|])\s{0,20}[=+@-]""")
MOST_ORDERS, BEFORE = 1000, 400


class Fields:
    """Puts fields together: parts of instructions, with the values of fields within."""

    def __init__(self, where: str, report: Report) -> None:
        self._where, self._report = where, report
        self._codes: list[list[str]] = []
        self._results: list[list[str]] = []
        self._is_result: list[bool] = []
        self._names: dict[str, str] = {}
        self._left = MOST_FIELDS

    def begin(self) -> None:
        self._left -= 1
        if self._left > 0 and len(self._codes) < DEEPEST:
            self._codes.append([])
            self._results.append([])
            self._is_result.append(False)

    def separate(self) -> None:
        if self._is_result:
            self._is_result[-1] = True

    def code(self, text: str) -> None:
        if self._codes:
            self._codes[-1].append(text[:LONGEST_FIELD])

    def text(self, text: str) -> None:
        """A text that is shown: the value of a field, or a part of the instruction around the field."""
        if self._codes:
            (self._results if self._is_result[-1] else self._codes)[-1].append(text[:LONGEST_FIELD])

    def end(self) -> None:
        if not self._codes:
            return
        code, result = "".join(self._codes.pop()), "".join(self._results.pop())
        self._is_result.pop()
        value = self._value_of(code[:LONGEST_FIELD], result)
        self.text(value)

    def finish(self) -> None:
        """End the fields that nothing ends."""
        while self._codes:
            self.end()

    def _value_of(self, code: str, result: str) -> str:
        note_field(code, self._where, self._report)
        if found := QUOTED.match(code):
            return "".join(chr(int(number)) for number in found[1].split())
        if found := SET.match(code):
            self._names[found[1].lower()] = found[2]
            return ""
        if found := REFERENCE.match(code):
            return self._names.get(found[1].lower(), result)
        return result


def read_markup(content: bytes, where: str, report: Report) -> None:
    """Read the fields of a text in XML."""
    fields = Fields(where, report)
    for tag in tags(content, "fldChar", "instrText", "fldSimple", "t"):
        match tag.name:
            case "fldChar":
                kind = tag.attributes.get("fldCharType", "")
                {"begin": fields.begin, "separate": fields.separate, "end": fields.end}.get(kind, _nothing)()
            case "instrText" if not tag.is_end:
                fields.code(tag.text)
            case "fldSimple" if not tag.is_end:
                fields.begin()
                fields.code(tag.attributes.get("instr", ""))
                fields.end()
            case "t" if not tag.is_end:
                fields.text(tag.text)
            case _:
                pass
    fields.finish()


def _nothing() -> None:
    """Do nothing, for a kind of mark that nobody knows."""


def note_field(code: str, where: str, report: Report) -> None:
    """Note what a field does beyond its document."""
    report.go_on()
    if found := DDE.match(code):
        note_command(found[1].lower(), found[2], where, report)
    elif found := FETCH.match(code):
        _note_fetching(found[1].lower(), found[2], where, report)


def _note_fetching(name: str, rest: str, where: str, report: Report) -> None:
    """Note a field that fetches a file. The file is the first word that leads to the outside."""
    words = [quoted or plain for quoted, plain in WORDS.findall(rest[:4000])][:MOST_WORDS]
    targets = [target_of(word) for word in words]
    target = next((one for one in targets if one.reach is not Reach.LOCAL), None)
    if target is not None:
        relations.note(name.upper(), target, where, report, finds=FETCHING[name])


def note_command(how: str, command: str, where: str, report: Report) -> None:
    """Note a command by DDE: grave where the command names a program."""
    command = " ".join(command.split())
    if not command.strip("| "):
        return
    report.add("dde", {"how": how, "command": command, "where": where})
    report.texts.append(command)
    report.find("dde-program" if PROGRAMS.search(command) else "dde", where, command)


def read_formulas(text: str, where: str, report: Report) -> None:
    """Find commands by DDE in the cells of a sheet that is a text."""
    for number, found in enumerate(ORDER.finditer(text)):
        if number >= MOST_ORDERS:
            return
        before = text[max(0, found.start() - BEFORE) : found.start()]
        server = SERVER.search(before)
        line = before[before.rfind("\n") + 1 :]
        if server and CELL.search(line):
            note_command("formula", f"{server[0]}|{found[1]}", where, report)
