"""Documents and shortcuts made at test time, by the specifications of their formats."""

import html
import io
import struct
import uuid
from collections.abc import Callable, Mapping

import pikepdf
from msoffcrypto.format.ooxml import OOXMLFile

from worker.made_containers import zipped
from worker.made_images import compound

HOST = "http://203.0.113.7"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
CONTENT_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
TYPES = {"[Content_Types].xml": f'<Types xmlns="{CONTENT_TYPES}"/>'.encode()}
FORMULA_TEXT, FORMULA_CALL, COMMAND = 0x17, 0x42, 0x8000
EXEC, ALERT, CALL = 110, 118, 150


# -- macros, by MS-OVBA


def packed(source: bytes) -> bytes:
    """A container of literals only. A whole chunk is stored as it is."""
    out = b"\x01"
    for at in range(0, len(source), 4096):
        chunk = source[at : at + 4096]
        if len(chunk) == 4096:
            out += struct.pack("<H", 4095 | 0b011 << 12) + chunk
        else:
            body = b"".join(b"\0" + chunk[place : place + 8] for place in range(0, len(chunk), 8))
            out += struct.pack("<H", len(body) - 1 | 0b011 << 12 | 1 << 15) + body
    return out


def project(modules: Mapping[str, str], base: str = "", compiled: bytes = b"") -> dict[str, bytes]:
    """The streams of a project. Before the source of each module stand bytes of the compiled macro."""
    records = _record(0x03, struct.pack("<H", 1252))
    streams = {}
    for name, source in modules.items():
        text = f'Attribute VB_Name = "{name}"\r\n{source}\r\n'.encode("cp1252")
        streams[f"{base}VBA/{name}"] = b"compiled".ljust(64, b"\1") + packed(text)
        records += _record(0x19, name.encode()) + _record(0x1A, name.encode())
        records += _record(0x31, struct.pack("<I", 64)) + _record(0x21, b"") + _record(0x2B, b"")
    return {f"{base}VBA/dir": packed(records), f"{base}VBA/_VBA_PROJECT": b"\xcc\x61" + compiled, **streams}


def _record(kind: int, content: bytes) -> bytes:
    return struct.pack("<HI", kind, len(content)) + content


def text_with_macros(**modules: str) -> bytes:
    """A text of Word 97."""
    return compound({"WordDocument": b"\xec\xa5" + bytes(30), **project(modules)})


def docm(**modules: str) -> bytes:
    return zipped({**TYPES, "word/document.xml": b"<w/>", "word/vbaProject.bin": compound(project(modules))})


def facts(**texts: int) -> bytes:
    """A stream of facts: texts by their number, the code page, and a time."""
    values = {1: struct.pack("<Ih2x", 2, 1252), 12: struct.pack("<IQ", 64, 131_999_280_000_000_000)}
    for text, number in texts.items():
        values[number] = struct.pack("<II", 30, len(text) + 1) + text.encode() + b"\0"
    offset = 8 + 8 * len(values)
    table, bodies = b"", b""
    for number, value in values.items():
        table += struct.pack("<II", number, offset + len(bodies))
        bodies += value
    head = struct.pack("<HHI16sI", 0xFFFE, 0, 0, bytes(16), 1) + bytes(16) + struct.pack("<I", 48)
    return head + struct.pack("<II", 8 + len(table) + len(bodies), len(values)) + table + bodies


# -- Office in ZIP files


def docx(body: str = "", **relations: str) -> bytes:
    """A text with a body, and with external relations by their kind."""
    listed = "".join(
        f'<Relationship Id="r{number}" Type="{RELATIONS}/{kind}" Target="{target}" TargetMode="External"/>'
        for number, (kind, target) in enumerate(relations.items())
    )
    return zipped(
        {
            **TYPES,
            "word/document.xml": f"<w:document><w:body>{body}</w:body></w:document>".encode(),
            "word/_rels/document.xml.rels": f"<Relationships>{listed}</Relationships>".encode(),
            "docProps/core.xml": b"<c><dc:creator>Ada</dc:creator><cp:revision>7</cp:revision></c>",
            "docProps/app.xml": b"<p><Company>Acme</Company><Template>Normal.dotm</Template></p>",
        }
    )


def field(*parts: str) -> str:
    """A field whose instruction is split over runs."""
    runs = "".join(f"<w:r><w:instrText>{part}</w:instrText></w:r>" for part in parts)
    begin, end = (f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>' for kind in ("begin", "end"))
    return f"{begin}{runs}{end}"


def quoted(text: str) -> str:
    """A field that spells a text by the codes of its characters."""
    return field("QUOTE " + " ".join(str(ord(character)) for character in text))


def xlsm(formula: str, *, state: str = "visible", name: str = "_xlnm.Auto_Open") -> bytes:
    """A workbook with a sheet of Excel 4 macros in XML."""
    return zipped(
        {
            **TYPES,
            "xl/workbook.xml": f'<w><sheets><sheet name="M" state="{state}" r:id="r1"/></sheets><definedNames><definedName name="{name}">'
            f"M!$A$1</definedName></definedNames></w>".encode(),
            "xl/_rels/workbook.xml.rels": b'<R><Relationship Id="r1" Type="x/xlMacrosheet" Target="macrosheets/sheet1.xml"/></R>',
            "xl/macrosheets/sheet1.xml": f'<s><c r="A1"><f>{formula}</f></c></s>'.encode(),
        }
    )


def locked(content: bytes, word: str) -> bytes:
    target = io.BytesIO()
    OOXMLFile(io.BytesIO(content)).encrypt(word, target)
    return target.getvalue()


# -- workbooks of Excel 97 and 2007 in records


def call(number: int, *arguments: str, is_wide: bool = False) -> bytes:
    """The tokens of a call of a function with texts."""
    tokens = b"".join(_text(argument, is_wide=is_wide) for argument in arguments)
    return tokens + struct.pack("<BBH", FORMULA_CALL, len(arguments), number)


def _text(text: str, *, is_wide: bool) -> bytes:
    if is_wide:
        return struct.pack("<BH", FORMULA_TEXT, len(text)) + text.encode("utf-16-le")
    return struct.pack("<BBB", FORMULA_TEXT, len(text), 0) + text.encode("latin-1")


def xls(tokens: bytes = b"", *, state: int = 0, link: str = "", mark: bytes = b"") -> bytes:
    """A workbook of Excel 97: a sheet of macros with one formula in B3, or a link to another program."""
    head = _biff(0x0809, struct.pack("<HH12x", 0x0600, 0x0005)) + mark
    auto = struct.pack("<HBBHHHI", 0x20, 0, 1, 0, 0, 0, 0) + b"\0\x01"
    rest = _biff(0x0018, auto) if tokens else b""
    if link:
        rest += _biff(0x01AE, struct.pack("<HHB", 0, len(link), 0) + link.encode("latin-1"))
    rest += _biff(0x000A, b"")
    place = len(head) + len(_biff(0x0085, bytes(8) + b"M")) + len(rest)
    sheet = _biff(0x0085, struct.pack("<IBBBB", place, state, 1, 1, 0) + b"M") if tokens else b""
    cell = struct.pack("<HHH8sHIH", 2, 1, 0, bytes(8), 0, 0, len(tokens)) + tokens
    macros = _biff(0x0809, struct.pack("<HH12x", 0x0600, 0x0040)) + _biff(0x0006, cell) + _biff(0x000A, b"")
    return compound({"Workbook": head + sheet + rest + (macros if tokens else b"")})


def _biff(kind: int, content: bytes) -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


def xlsb(
    tokens: bytes, service: str = "", topic: str = "", names: tuple[str, ...] = ("_xlnm.Auto_Open",)
) -> bytes:
    """A workbook of Excel 2007 in binary records: names, one formula in B3 of a sheet of macros, a link to another program."""
    cell = struct.pack("<II", 1, 0) + b"\1" + struct.pack("<HI", 0, len(tokens)) + tokens
    row = struct.pack("<I", 2) + bytes(12)
    sheet = struct.pack("<II", 0, 1) + _wide("r1") + _wide("M")
    head, end = struct.pack("<IBI", 0, 0, 0xFFFFFFFF), struct.pack("<I", 0)
    defined = b"".join(_record_12(39, head + _wide(name) + end) for name in names)
    parts = {
        "xl/workbook.bin": _record_12(156, sheet) + defined,
        "xl/_rels/workbook.bin.rels": b'<R><Relationship Id="r1" Type="x/xlMacrosheet" Target="macrosheets/sheet1.bin"/></R>',
        "xl/macrosheets/sheet1.bin": _record_12(0, row) + _record_12(10, cell),
    }
    if service:
        parts["xl/externalLinks/externalLink1.bin"] = _record_12(360, b"\1\0" + _wide(service) + _wide(topic))
    return zipped({**TYPES, **parts})


def _wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def _record_12(kind: int, content: bytes) -> bytes:
    number = bytes([kind & 0x7F | 0x80, kind >> 7]) if kind > 0x7F else bytes([kind])
    size = bytes([len(content) & 0x7F | 0x80, len(content) >> 7])
    return number + size + content


# -- shortcuts, by MS-SHLLINK


def _ids(path: str) -> bytes:
    """A path as a list of items, as the shell of Windows names a file."""
    drive, *names = path.split("\\")
    items = [b"\x2f" + f"{drive}\\".encode().ljust(22, b"\0")]
    items += [b"\x32" + bytes(11) + name.encode("cp1252") + b"\0" for name in names]
    listed = b"".join(struct.pack("<H", len(item) + 2) + item for item in items) + bytes(2)
    return struct.pack("<H", len(listed)) + listed


def _with_variables(path: str) -> bytes:
    return (
        struct.pack("<II", 0x314, 0xA0000001)
        + path.encode("cp1252").ljust(260, b"\0")
        + path.encode("utf-16-le").ljust(520, b"\0")
    )


def lnk(
    target: str,
    arguments: str = "",
    *,
    icon: str = "",
    shown: int = 1,
    behind: bytes = b"",
    by_ids: str = "",
    variables: str = "",
) -> bytes:
    """A shortcut by the path of its target, from a machine that its tracker names.

    `by_ids` is the target in the list of items, and `variables` the target in the block with variables.
    """
    flags = bool(by_ids) | 2 | 0x80 | (0x20 if arguments else 0) | (0x40 if icon else 0)
    head = struct.pack("<I16sIIQQQIiIHHII", 0x4C, uuid.UUID("00021401-0000-0000-c000-000000000046").bytes_le, flags, 0x20,
                       132_000_000_000_000_000, 0, 0, 0, 0, shown, 0, 0, 0, 0)  # fmt: skip
    path = target.encode("cp1252") + b"\0"
    information = struct.pack("<7I", 28 + len(path) + 1, 28, 1, 0, 28, 0, 28 + len(path)) + path + b"\0"
    texts = b"".join(
        struct.pack("<H", len(text)) + text.encode("utf-16-le") for text in (arguments, icon) if text
    )
    machine = uuid.UUID("6c1a0d3e-1111-11ee-8000-0a0b0c0d0e0f").bytes_le
    tracker = (
        struct.pack("<IIII", 0x60, 0xA0000003, 0x58, 0)
        + b"desktop-ada".ljust(16, b"\0")
        + (bytes(16) + machine) * 2
    )
    blocks = tracker + (_with_variables(variables) if variables else b"") + bytes(4)
    return head + (_ids(by_ids) if by_ids else b"") + information + texts + blocks + behind


# -- RTF, PDF, OpenDocument


def rtf_object(name: str, content: bytes, *, words: str = "", disguise: bool = False) -> bytes:
    """A text with an object of a class."""
    named = struct.pack("<I", len(name) + 1) + name.encode() + b"\0"
    data = (struct.pack("<II", 0x501, 2) + named + bytes(8) + struct.pack("<I", len(content)) + content).hex()
    digits = "".join(f"{{\\x{at}}}{data[at : at + 2]}" for at in range(0, len(data), 2)) if disguise else data
    return f"{{\\rtf1{{\\object\\objemb{words}{{\\*\\objclass {name}}}{{\\*\\objdata {digits}}}}}}}".encode()


def in_bytes(document: bytes) -> bytes:
    r"""The same text in RTF, with the bytes of its object behind `\bin` in place of digits."""
    before, mark, rest = document.partition(b"\\objdata ")
    digits, end, behind = rest.partition(b"}")
    content = bytes.fromhex(digits.decode())
    return before + mark + b"\\bin%d " % len(content) + content + end + behind


def _put(put: bytes) -> Callable[[bytes], bytes]:
    return lambda document: document.replace(b"\\objdata ", put)


#: tricks by which an object of RTF is hidden from those that look for its digits
SMUGGLED: Mapping[str, Callable[[bytes], bytes]] = {
    "a number of the word": _put(b"\\objdata55456 "),
    "a number below zero": _put(b"\\objdata-1 "),
    "an escaped backslash before the word": _put(b"\\\\\\objdata "),
    "an escaped brace": _put(b"\\objdata \\}"),
    "a group before the digits": _put(b"\\objdata {\\ab12 {\\x1}}"),
    "characters between the digits": _put(b"\\objdata xyz\t"),
    "a character in digits": _put(b"\\objdata \\'41"),
    "no bytes as they are": _put(b"\\objdata \\bin0 "),
}


def address_moniker(address: str) -> bytes:
    """A stream of a link to an address."""
    text = (address + "\0").encode("utf-16-le")
    return (
        bytes(20)
        + uuid.UUID("79eac9e0-baf9-11ce-8c82-00aa004ba90b").bytes_le
        + struct.pack("<I", len(text))
        + text
    )


def overrunning_equation() -> bytes:
    """An equation whose font has a name of 80 bytes."""
    return bytes(28) + b"\3\1\1\3\x0a" + b"\x0a\x08\x5a\x5a" + b"\x90" * 80 + b"\0"


def pdf(action: Mapping[str, object], *, opens: bool = False, on_page: bool = False, word: str = "") -> bytes:
    """A document with an action, which runs when the document or the page is opened, or on a click."""
    target = io.BytesIO()
    with pikepdf.new() as document:
        page = document.add_blank_page()
        made = pikepdf.Dictionary({f"/{name}": value for name, value in action.items()})
        if opens:
            document.Root.OpenAction = document.make_indirect(made)
        elif on_page:
            page.AA = pikepdf.Dictionary(O=document.make_indirect(made))
        else:
            page.Annots = pikepdf.Array(
                [document.make_indirect(pikepdf.Dictionary(Subtype=pikepdf.Name.Link, A=made))]
            )
        document.docinfo["/Author"] = "Ada"
        document.save(target, encryption=pikepdf.Encryption(user=word, owner=word) if word else None)
    return target.getvalue()


def pdf_with_form(script: str, *, in_parts: bool) -> bytes:
    """A document with a form in XML (XFA), of one part or of several parts, whose script runs when the form comes up."""
    text = f'<template><event activity="initialize"><script>{html.escape(script)}</script></event></template>'
    target = io.BytesIO()
    with pikepdf.new() as document:
        document.add_blank_page()
        form = document.make_indirect(pikepdf.Stream(document, text.encode()))
        parts = pikepdf.Array([pikepdf.String("template"), form])
        document.Root.AcroForm = pikepdf.Dictionary(XFA=parts if in_parts else form)
        document.save(target)
    return target.getvalue()


def pdf_with_action_inside(place: str, *, first: bytes = b"") -> bytes:
    """A document that starts a program. The action stands at a place inside of another object; `first` is a script that runs before."""
    target = io.BytesIO()
    start = pikepdf.Dictionary(S=pikepdf.Name.Launch, F=pikepdf.String("cmd.exe"))
    with pikepdf.new() as document:
        page = document.add_blank_page()
        if first:
            script = document.make_indirect(pikepdf.Stream(document, first, Filter=pikepdf.Name.FlateDecode))
            document.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=script)
        if place == "annotation":
            page.Annots = pikepdf.Array([pikepdf.Dictionary(Subtype=pikepdf.Name.Link, A=start)])
        elif place == "names":
            names = pikepdf.Array([pikepdf.String("x"), start])
            document.Root.Names = pikepdf.Dictionary(JavaScript=pikepdf.Dictionary(Names=names))
        elif place == "next":
            document.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.Named, Next=pikepdf.Array([start]))
        document.save(target, compress_streams=False)
    return target.getvalue()


def odt(content: str, macro: str = "", *, is_locked: bool = False) -> bytes:
    parts = {
        "mimetype": b"application/vnd.oasis.opendocument.text",
        "META-INF/manifest.xml": b"<m><encryption-data/></m>" if is_locked else b"<m/>",
        "content.xml": content.encode(),
        "meta.xml": b"<m><meta:initial-creator>Ada</meta:initial-creator></m>",
    }
    if macro:
        parts["Basic/Standard/M.xml"] = f'<script:module script:name="M">{macro}</script:module>'.encode()
    return zipped(parts)
