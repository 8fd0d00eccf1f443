"""Texts in RTF: objects with their classes, disguise of objects, fields, templates, and the facts of the document."""

import re

from samplebank.worker.analysers.documents import embedded, relations
from samplebank.worker.analysers.documents.fields import Fields
from samplebank.worker.analysers.documents.report import Report
from samplebank.worker.analysers.documents.targets import target_of
from samplebank.worker.analysers.extract.rtf_objects import RtfObject, objects_in, ole1_of

CLASS = re.compile(rb"\\objclass\s{1,5}([^\\{}\r\n]{1,100})")
UPDATE, LINK = (
    re.compile(rb"(?<!\\)\\objupdate\b"),
    re.compile(rb"(?<!\\)\\objautlink\b"),
)
TEMPLATE = re.compile(rb"\{\s*\\\*\s*\\template\b\s*([^{}]{1,2000})")
TOKEN = re.compile(
    rb"\{|\}|\\\*|\\([a-zA-Z]{1,40})(-?\d{1,10})?[ ]?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([^\\{}\r\n]++)|[\r\n]++|\\"
)
STAND_INS = re.compile(rb"\\uc(\d{1,3})")
BLANKS = frozenset({b"tab", b"par", b"line"})
INFORMATION = {
    b"author": "creator",
    b"operator": "lastModifiedBy",
    b"title": "title",
    b"subject": "subject",
    b"company": "company",
    b"manager": "manager",
    b"doccomm": "description",
    b"keywords": "keywords",
}
INFO = re.compile(rb"\{\s*\\(?:\*\\)?(" + b"|".join(INFORMATION) + rb")\s+([^{}\\]{1,500})")
TIME = re.compile(rb"\\(creatim|revtim|printim)((?:\\(?:yr|mo|dy|hr|min|sec)\d{1,4}){1,6})")
TIMES = {b"creatim": "created", b"revtim": "modified", b"printim": "printed"}
PART_OF_TIME = re.compile(rb"\\(yr|mo|dy|hr|min|sec)(\d{1,4})")
CODE_PAGE, GENERATOR = re.compile(rb"\\ansicpg(\d{1,5})"), re.compile(rb"\\generator\s+([^;{}]{1,200})")
EQUATIONS = ("equation.3", "equation.2", "equation.dsmt")
#: names of classes that exploits use
EXPLOITED = ("otkloadr", "mscomctllib", "htmlfile", "scriptlet", "ole2link")
MOST_OBJECTS, MOST_OBJECT_BYTES, MOST_TOKENS = 200, 16 * 1024 * 1024, 200_000
MOST_ODD = 20


def read(data: bytes, report: Report) -> None:
    report.part("objects", lambda: _read_objects(data, report))
    report.part("templates", lambda: _read_templates(data, report))
    if b"fldinst" in data:
        report.part("fields", lambda: _read_fields(data, report))
    report.part("metadata", lambda: _read_metadata(data, report))


def _read_objects(data: bytes, report: Report) -> None:
    for named in CLASS.finditer(data):
        _note_class(named[1].decode("cp1252", "replace").strip(), "objclass", report)
    left = MOST_OBJECT_BYTES
    for number, found in enumerate(objects_in(data, report.go_on)):
        if number >= MOST_OBJECTS or left <= 0:
            report.limits.setdefault("over the limit of objects")
            break
        left -= len(found.content)
        _read_object(found, f"object {number}", report)
    if not report.lists.get("objects"):
        return
    if UPDATE.search(data):
        report.find("object-updates-itself", "objupdate")
    if LINK.search(data):
        report.find("object-updates-itself", "objautlink")


def _read_object(found: RtfObject, where: str, report: Report) -> None:
    if found.disguises > MOST_ODD:
        report.find("rtf-is-disguised", where)
    wrapped = ole1_of(found.content)
    name = wrapped.class_name if wrapped else ""
    inner = found.content if wrapped is None or wrapped.content is None else wrapped.content
    if name:
        _note_class(name, where, report)
    identifier = embedded.read_object(inner, where, report)
    if identifier == embedded.EQUATION and not name.lower().startswith(EQUATIONS):
        report.find("equation-in-rtf", where, identifier)
    elif identifier in embedded.CLASSES.values() and identifier not in {embedded.EQUATION, "Word.Document"}:
        report.find("object-of-exploits", where, identifier)
    if name.lower().startswith(EQUATIONS) and embedded.overruns(inner):
        report.find("equation-exploit", where)


def _note_class(name: str, where: str, report: Report) -> None:
    report.add("objects", {"class": name, "where": where, "how": "rtf"})
    lowered = name.lower()
    if lowered.startswith(EQUATIONS):
        report.find("equation-in-rtf", where, name)
    elif lowered.startswith(EXPLOITED):
        report.find("object-of-exploits", where, name)


def _read_templates(data: bytes, report: Report) -> None:
    for number, found in enumerate(TEMPLATE.finditer(data)):
        if number >= MOST_OBJECTS:
            break
        path = _plain(found[1])
        report.tell("template", path)
        target = target_of(path)
        relations.note_outside("attachedTemplate", target, "template", report, finds="remote-template")


class Spelling:
    r"""Reads tokens as text. Behind a character by its number stand characters for old programs, which are left out.

    `\uc2` says how many; without the word it is one.
    """

    def __init__(self, data: bytes = b"", start: int = 0) -> None:
        said = STAND_INS.match(data, max(data.rfind(b"\\uc", 0, start), 0))
        self._stand_ins = int(said[1]) if said else 1
        self._left_out = 0

    def text(self, token: re.Match[bytes]) -> str:
        word, number, digits, symbol, plain = token.groups()
        if word:
            return self._word(word, int(number or 0))
        if token[0] in {b"{", b"}"}:
            self._left_out = 0
            return ""
        text = bytes.fromhex(digits.decode()) if digits else symbol or plain or b""
        shown = text.decode("cp1252", "replace")[self._left_out :]
        self._left_out = max(self._left_out - len(text), 0)
        return shown

    def _word(self, word: bytes, number: int) -> str:
        self._left_out = self._stand_ins if word == b"u" else 0
        if word == b"u":
            return chr(number & 0xFFFF)
        if word == b"uc":
            self._stand_ins = max(number, 0)
        return " " if word in BLANKS else ""


def _plain(text: bytes) -> str:
    r"""The text that words of RTF spell, such as \u104? and \'68."""
    spelling = Spelling()
    return "".join(spelling.text(token) for token in TOKEN.finditer(text)).strip()


def _read_fields(data: bytes, report: Report) -> None:
    """Go through the words. Each group of an instruction is a field, however the instruction is split."""
    start = max(data.find(b"fldinst") - 50, 0)
    fields, spelling = Fields("fields", report), Spelling(data, start)
    depth = 0
    starts: list[int] = []
    for number, token in enumerate(TOKEN.finditer(data, start)):
        if number > MOST_TOKENS:
            report.limits.setdefault("over the limit of words")
            break
        text = spelling.text(token)
        if token[0] == b"{":
            depth += 1
        elif token[0] == b"}":
            depth -= 1
            if starts and depth < starts[-1]:
                starts.pop()
                fields.end()
        elif token[1] == b"fldinst":
            fields.begin()
            starts.append(depth)
        elif starts:
            fields.text(text)
    fields.finish()


def _read_metadata(data: bytes, report: Report) -> None:
    for found in INFO.finditer(data, 0, 512 * 1024):
        report.tell(INFORMATION[found[1]], found[2].decode("cp1252", "replace").strip())
    for found in TIME.finditer(data, 0, 512 * 1024):
        parts = {name: int(number) for name, number in PART_OF_TIME.findall(found[2])}
        values = [parts.get(name, 0) for name in (b"yr", b"mo", b"dy", b"hr", b"min", b"sec")]
        report.tell(TIMES[found[1]], "{:04}-{:02}-{:02} {:02}:{:02}:{:02}".format(*values))
    if page := CODE_PAGE.search(data, 0, 4096):
        report.tell("codePage", int(page[1]))
    if program := GENERATOR.search(data, 0, 65536):
        report.tell("application", program[1].decode("cp1252", "replace").strip())
