"""Texts in RTF: objects with their classes, disguise of objects, fields, templates, and the facts of the document."""

import re
import struct

from samplebank.worker.analysers.documents import embedded, relations
from samplebank.worker.analysers.documents.fields import Fields
from samplebank.worker.analysers.documents.report import Report
from samplebank.worker.analysers.documents.targets import target_of

OBJECT_DATA = re.compile(rb"(?<!\\)\\objdata(?![A-Za-z])|(?<!\\)\\datastore\b")
#: what stands between the digits: words, hexadecimal characters, groups and blanks
NOISE = re.compile(rb"\\'[0-9a-fA-F]{2}|\\bin\d*|\\[a-zA-Z]{1,40}-?\d{0,20}[ ]?|\\[^a-zA-Z]|[^0-9a-fA-F]")
ODD = re.compile(rb"\\'|\\bin\d|\\[a-zA-Z]{1,40}-?\d|\{")
#: so many bytes stand behind the word as they are
RAW = re.compile(rb"(?<!\\)\\bin(\d{1,9})(?!\d) ?")
CLASS = re.compile(rb"\\objclass\s{1,5}([^\\{}\r\n]{1,100})")
UPDATE, LINK = (
    re.compile(rb"(?<!\\)\\objupdate\b"),
    re.compile(rb"(?<!\\)\\objautlink\b"),
)
TEMPLATE = re.compile(rb"\{\s*\\\*\s*\\template\b\s*([^{}]{1,2000})")
TOKEN = re.compile(
    rb"\{|\}|\\\*|\\([a-zA-Z]{1,40})(-?\d{1,10})?[ ]?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([^\\{}\r\n]++)|[\r\n]++|\\"
)
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
FEWEST_HEADER, LONGEST_NAME = 8, 256
FIELD_WORDS = (b"fldinst", b"DDE", b"INCLUDE")


def read(data: bytes, report: Report) -> None:
    report.part("objects", lambda: _read_objects(data, report))
    report.part("templates", lambda: _read_templates(data, report))
    if b"fldinst" in data:
        report.part("fields", lambda: _read_fields(data, report))
    report.part("metadata", lambda: _read_metadata(data, report))


def _read_objects(data: bytes, report: Report) -> None:
    for found in CLASS.finditer(data):
        _note_class(found[1].decode("cp1252", "replace").strip(), "objclass", report)
    left = MOST_OBJECT_BYTES
    for number, found in enumerate(OBJECT_DATA.finditer(data)):
        if number >= MOST_OBJECTS or left <= 0:
            report.limits.setdefault("over the limit of objects")
            break
        report.go_on()
        spelled = _group(data, found.end(), left)
        left -= len(spelled)
        _read_object(spelled, f"object {number}", report)
    if not report.lists.get("objects"):
        return
    if UPDATE.search(data):
        report.find("object-updates-itself", "objupdate")
    if LINK.search(data):
        report.find("object-updates-itself", "objautlink")


def _group(data: bytes, place: int, most: int) -> bytes:
    r"""What stands from a place on up to the end of the group, with bytes behind `\bin` as digits."""
    depth = 0
    part = data[place : place + most]
    if RAW.search(part):
        part = _in_digits(part)
    for brace in re.finditer(rb"[{}]", part):
        depth += 1 if brace[0] == b"{" else -1
        if depth < 0:
            return part[: brace.start()]
    return part


def _in_digits(text: bytes) -> bytes:
    parts, place = [], 0
    while raw := RAW.search(text, place):
        end = raw.end() + int(raw[1])
        parts += [text[place : raw.end()], b" ", text[raw.end() : end].hex().encode()]
        place = end
    return b"".join([*parts, text[place:]])


def _read_object(spelled: bytes, where: str, report: Report) -> None:
    if len(ODD.findall(spelled)) > MOST_ODD:
        report.find("rtf-is-disguised", where)
    digits = NOISE.sub(b"", spelled)
    content = bytes.fromhex(digits[: len(digits) // 2 * 2].decode())
    name, inner = _unwrapped(content)
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


def _unwrapped(content: bytes) -> tuple[str, bytes]:
    """The class and the bytes of an object of OLE 1.0. Without a header, the bytes as they are."""
    try:
        _, kind = struct.unpack_from("<II", content)
        place, names = FEWEST_HEADER, []
        for _ in range(3):
            (length,) = struct.unpack_from("<I", content, place)
            if length > LONGEST_NAME:
                return "", content
            names.append(content[place + 4 : place + 4 + length].rstrip(b"\0").decode("cp1252", "replace"))
            place += 4 + length
        (size,) = struct.unpack_from("<I", content, place)
    except struct.error:
        return "", content
    return names[0], content[place + 4 : place + 4 + size] if kind == 2 else content  # noqa: PLR2004


def _read_templates(data: bytes, report: Report) -> None:
    for number, found in enumerate(TEMPLATE.finditer(data)):
        if number >= MOST_OBJECTS:
            break
        path = _plain(found[1])
        report.tell("template", path)
        target = target_of(path)
        relations.note_outside("attachedTemplate", target, "template", report, finds="remote-template")


def _plain(text: bytes) -> str:
    r"""The text that words of RTF spell, such as \\u104? and \\'68."""
    out = []
    skip = False
    for token in TOKEN.finditer(text):
        word, number, digits, symbol, plain = token.groups()
        if word == b"u" and number:
            out.append(chr(int(number) & 0xFFFF))
            skip = True
            continue
        if digits:
            out.append("" if skip else bytes.fromhex(digits.decode()).decode("cp1252", "replace"))
        elif symbol:
            out.append(symbol.decode("latin-1"))
        elif plain:
            text_ = plain.decode("cp1252", "replace")
            out.append(text_[1:] if skip else text_)
        skip = False
    return "".join(out).strip()


def _read_fields(data: bytes, report: Report) -> None:
    """Go through the words. Each group of an instruction is a field, however the instruction is split."""
    fields = Fields("fields", report)
    depth = 0
    starts: list[int] = []
    for number, token in enumerate(TOKEN.finditer(data, max(data.find(b"fldinst") - 50, 0))):
        if number > MOST_TOKENS:
            report.limits.setdefault("over the limit of words")
            break
        word, value, digits, symbol, plain = token.groups()
        if token[0] == b"{":
            depth += 1
        elif token[0] == b"}":
            depth -= 1
            if starts and depth < starts[-1]:
                starts.pop()
                fields.end()
        elif word == b"fldinst":
            fields.begin()
            starts.append(depth)
        elif starts:
            fields.text(_spelled(word, value, digits, symbol, plain))
    fields.finish()


def _spelled(
    word: bytes | None, value: bytes | None, digits: bytes | None, symbol: bytes | None, plain: bytes | None
) -> str:
    if plain:
        return plain.decode("cp1252", "replace")
    if digits:
        return bytes.fromhex(digits.decode()).decode("cp1252", "replace")
    if word == b"u" and value:
        return chr(int(value) & 0xFFFF)
    if word in {b"tab", b"par", b"line"}:
        return " "
    return symbol.decode("latin-1") if symbol else ""


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
