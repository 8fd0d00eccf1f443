"""Texts that Windows, Office or a desktop opens as an order: addresses, libraries, queries, settings, sheets as a text."""

import re
from collections.abc import Callable, Mapping
from functools import partial

from samplebank.worker.analysers.documents import fields, flat, orders, remote_desktop, sylk
from samplebank.worker.analysers.documents.markup import tags
from samplebank.worker.analysers.documents.report import Report

#: bytes read of a text, and bytes in which the kind of a text shows
MOST_TEXT_BYTES, HEAD_BYTES = 16 * 1024 * 1024, 4096
MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be", b"\xef\xbb\xbf": "utf-8"}
LINE = re.compile(r"(?m)^[ \t]*([A-Za-z][\w.\[\]-]{0,60})[ \t]*=[ \t]*([^\r\n]{0,4096})")
SECTION = re.compile(r"(?im)^[ \t]*\[(InternetShortcut|Shell|Desktop Entry|\.ShellClassInfo|autorun|Theme)\]")
QUERY = re.compile(r"\s*WEB\r?\n\d{1,3}\r?\n(\S{1,2000})")
SHELL_RUNS = re.compile(
    r"(?i)\b(?:ba|z|da)?sh\s+-c\b|\bcurl\b|\bwget\b|\bpython3?\s+-c\b|\bperl\s+-e\b|\bbase64\b|/dev/tcp/"
)
SHELL_FETCHES = re.compile(r"(?i)\b(?:curl|wget)\b[^\n]{0,300}(?:\||&&|;|-o\b|-O\b)|/dev/tcp/")
SCRIPT_IN_CONSOLE = re.compile(
    rb"(?i)target=javascript:|apds\.dll/redirect|<msxsl:script|ActiveTask|transformNode"
)
COMMAND_MARK = "|"


def read(data: bytes, report: Report) -> bool:
    """Read a text of a kind that acts. False for any other text."""
    content = data[:MOST_TEXT_BYTES]
    text = decoded(content)
    head = text[:HEAD_BYTES]
    for mark, (name, read_kind) in KINDS.items():
        if re.search(mark, head):
            report.format = name
            report.part(name, partial(read_kind, text, content, report))
            return True
    if COMMAND_MARK in text and fields.ORDER.search(text):
        report.part("formulas", lambda: fields.read_formulas(text, "cells", report))
        if report.lists.get("dde"):
            report.format = "csv"
    return report.format != "other"


def decoded(content: bytes) -> str:
    for mark, encoding in MARKS.items():
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    if content[1:2] == b"\0" and content[3:4] == b"\0":
        return content.decode("utf-16-le", "replace")
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _read_settings(text: str, _: bytes, report: Report) -> None:
    """Files of lines such as URL=…: shortcuts to addresses, commands of the shell, folders, entries of a desktop."""
    section = SECTION.search(text)
    kind = section[1].lower() if section else ""
    values = {name.lower(): value.strip() for name, value in LINE.findall(text[:262_144])}
    report.facts["shortcut"] = {
        name: values[name][:500]
        for name in (
            "url",
            "iconfile",
            "iconresource",
            "workingdirectory",
            "command",
            "exec",
            "type",
            "name",
            "icon",
            "open",
        )
        if values.get(name)
    }
    report.format = {"internetshortcut": "url", "shell": "scf", "desktop entry": "desktop"}.get(kind, "ini")
    of_theme = ("path", "wallpaper") if kind == "theme" else ()
    for name in ("iconfile", "iconresource", "icon", *of_theme):
        orders.note_remote(
            name,
            values.get(name, "").rpartition(",")[0] or values.get(name, ""),
            name,
            report,
            is_opened=False,
        )
    if kind == "desktop entry":
        _judge_shell(values.get("exec", ""), report)
    elif address := values.get("url", ""):
        orders.note_remote("url", address, "url", report, is_opened=True)
        if address.lower().startswith("file:"):
            orders.judge(address.replace("/", "\\") + " ", "url", report)


def _judge_shell(order: str, report: Report) -> None:
    report.texts.append(order)
    if SHELL_RUNS.search(order):
        report.find("shortcut-runs-interpreter", "Exec", order, ("T1059.004",))
        if SHELL_FETCHES.search(order):
            report.find("shortcut-downloads", "Exec", order)
        if "base64" in order.lower():
            report.find("shortcut-is-disguised", "Exec")


def _read_library(_: str, content: bytes, report: Report) -> None:
    for tag in tags(flat.prepared(content), "url", "include", "path"):
        address = tag.text.strip() or tag.attributes.get("path", "")
        if address and not tag.is_end:
            orders.note_remote(tag.name, address, tag.name, report, is_opened=True)


def _read_page_of_settings(_: str, content: bytes, report: Report) -> None:
    for tag in tags(flat.prepared(content), "DeepLink"):
        if order := tag.text.strip():
            report.facts["shortcut"] = {"command": order[:500]}
            if orders.judge(order, "DeepLink", report):
                report.find("settings-run-program", "DeepLink", order)


def _read_console(_: str, content: bytes, report: Report) -> None:
    if found := SCRIPT_IN_CONSOLE.search(content):
        report.find("settings-run-program", "console", found[0].decode("latin-1"))


def _read_query(text: str, _: bytes, report: Report) -> None:
    found = QUERY.match(text)
    address = found[1] if found else ""
    report.add("external", {"relation": "query", "target": address, "reach": "web", "where": "line 3"})
    report.texts.append(address)
    report.find("query-of-web", "line 3", address)


def _read_sheet(text: str, _: bytes, report: Report) -> None:
    sylk.read(text, report)
    fields.read_formulas(text, "cells", report)


def _read_markup(_: str, content: bytes, report: Report) -> None:
    flat.read(content, report)


Read = Callable[[str, bytes, Report], None]
#: the mark at the beginning of each kind, the name, and the reader of the kind
KINDS: Mapping[str, tuple[str, Read]] = {
    SECTION.pattern: ("ini", _read_settings),
    r"\AID;P": ("slk", _read_sheet),
    r"(?i)<libraryDescription\b|<persistedQuery\b|<searchConnectorDescription\b": ("library", _read_library),
    r"(?i)<PCSettings\b": ("settings", _read_page_of_settings),
    r"(?i)<MMC_ConsoleFile\b": ("console", _read_console),
    QUERY.pattern: ("iqy", _read_query),
    remote_desktop.MARK: ("rdp", remote_desktop.read),
    r"(?i)<\?mso-application\b|<(?:\w{1,10}:)?(?:wordDocument|package|Workbook)\b[^>]{0,2000}microsoft|<office:document\b": (
        "xml",
        _read_markup,
    ),
    r"(?i)\AMIME-Version:|\A[\w-]{1,40}:[^\n]*\n[\s\S]{0,2000}application/x-mso": ("mht", _read_markup),
}
