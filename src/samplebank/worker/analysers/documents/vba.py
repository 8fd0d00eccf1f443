"""Finds the projects of macros in compound files, and reads their modules."""

import re
from functools import partial
from typing import Any

from samplebank.worker.analysers.documents import hidden, macro_words
from samplebank.worker.analysers.documents.compound import opened, read_stream
from samplebank.worker.analysers.documents.report import Macro, Report
from samplebank.worker.analysers.documents.vba_source import (
    OLD_CODE_PAGE,
    Module,
    decoded,
    modules_of,
    packed_modules,
    unpacked,
)

DIRECTORY, COMPILED = "vba/dir", "vba/_vba_project"
#: streams of forms, in which texts and pictures of controls stand
FORM_STREAMS = ("/o", "/f")
#: streams of a project that are no modules
OTHERS = frozenset({"dir", "_vba_project"})
WIDE_TEXT, TEXT = re.compile(rb"(?:[ -~]\0){6,4000}"), re.compile(rb"[\t\r\n -~]{6,4000}")
ATTRIBUTES = re.compile(r"(?im)^attribute vb_[^\r\n]*\r?\n?")
NAME = re.compile(r'(?i)attribute vb_name\s*=\s*"([^"\r\n]{1,100})"')
MOST_FORM_BYTES, MOST_TEXTS = 512 * 1024, 500


def read_project(data: bytes, where: str, report: Report) -> None:
    """Read the modules of a compound file. Where the file is damaged, its bytes are searched for packed modules."""
    before = len(report.macros)
    container = opened(data)
    if container is not None:
        with container:
            report.part(where, lambda: read_container(container, where, report))
    if len(report.macros) == before:
        report.part(where, lambda: _keep_found(data, where, report))
        judge(report, b"")


def read_container(container: Any, where: str, report: Report) -> None:
    """Read all projects of an opened compound file."""
    streams = {
        "/".join(entry).lower(): "/".join(entry) for entry in container.listdir(streams=True, storages=False)
    }
    projects = [name for name in streams if name == DIRECTORY or name.endswith(f"/{DIRECTORY}")]
    compiled = b""
    for name in projects:
        base = name[: -len("dir")]
        report.part(name, partial(_read_modules, container, streams, base, where, report))
        compiled += read_stream(container, streams.get(f"{base}_vba_project", ""), report)
    if projects:
        _read_forms(container, streams, report)
        judge(report, compiled)


def _read_modules(container: Any, streams: dict[str, str], base: str, where: str, report: Report) -> None:
    code_page, modules = modules_of(unpacked(read_stream(container, streams[f"{base}dir"], report)))
    read = set[str]()
    for module in modules:
        stream = f"{base}{module.stream.lower()}"
        read.add(stream)
        content = read_stream(container, streams.get(stream, ""), report)
        source = unpacked(content, module.offset)
        _keep(module, f"{where}/{streams.get(stream, stream)}".strip("/"), decoded(source, code_page), report)
    for stream, name in streams.items():
        if stream.startswith(base) and stream not in read and stream.rpartition("/")[2] not in OTHERS:
            _keep_found(read_stream(container, name, report), f"{where}/{name}".strip("/"), report, code_page)


def _keep(module: Module, stream: str, source: str, report: Report) -> None:
    if source:
        report.keep(Macro(module.name, "class" if module.is_class else "module", stream, source))


def _keep_found(data: bytes, where: str, report: Report, code_page: int = OLD_CODE_PAGE) -> None:
    for source in packed_modules(data):
        text = decoded(source, code_page)
        name = NAME.search(text)
        report.keep(Macro(name[1] if name else "module", "module", where, text))


def _read_forms(container: Any, streams: dict[str, str], report: Report) -> None:
    """Keep the texts of forms, where orders are hidden now and then."""
    for stream, name in streams.items():
        if stream.endswith(FORM_STREAMS):
            content = read_stream(container, name, report)[:MOST_FORM_BYTES]
            wide = [found.decode("utf-16-le") for found in WIDE_TEXT.findall(content)]
            plain = [found.decode("ascii") for found in TEXT.findall(content)]
            lines = [*wide, *plain][:MOST_TEXTS]
            if lines:
                report.keep(Macro(name, "form", name, "\n".join(lines)))


def judge(report: Report, compiled: bytes) -> None:
    """Find what all macros together do. `compiled` has the names that the compiled macros use."""
    macros = [macro for macro in report.macros if ATTRIBUTES.sub("", macro.source).strip()]
    if not macros:
        if compiled:
            macro_words.find_stomping("", compiled, report)
        return
    source = "\n".join(macro.source for macro in macros)
    macro_words.find_acts(source, macros[0].stream, report)
    report.part("disguise", lambda: hidden.find_hidden(source, macros[0].stream, report))
    macro_words.find_stomping(source, compiled, report)
